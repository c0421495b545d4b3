using System;
using System.Collections.Generic;
using System.Text;

namespace Hakmem.Os;

// The files that are mapped, each once, and which of them are programs. Beyond a number of files all others share one
// entry, so that a program that maps thousands does not get thousands of strings.
internal sealed unsafe class MappedFileNames
{
    private const int MaxNames = 1024;
    private const string Others = "(other files)";
    private const string Musl = "musl's malloc";

    // A power of two, so that an index finds its place by a mask; at least half of the places stay empty.
    private const int Places = 2048;

    // Paths are compared as the bytes that the kernel prints, so that a path that is known costs no string. The places
    // are found by the hash of the path, or behind it, and have the index plus one; zero is an empty one.
    private readonly int[] _places = new int[Places];
    private readonly List<byte[]> _paths = [];
    private readonly List<string> _names = [];
    private readonly List<bool> _arePrograms = [];

    public int Count => _names.Count;

    public string this[int file] => _names[file];

    // The index of a file, whose path is in UTF-8 as the kernel prints it.
    public int IndexOf(ReadOnlySpan<byte> path)
    {
        int place = (int)ByteHash.Compute(path) & (Places - 1);
        while (_places[place] != 0)
        {
            int index = _places[place] - 1;
            if (path.SequenceEqual(_paths[index]))
            {
                return index;
            }

            place = (place + 1) & (Places - 1);
        }

        if (_paths.Count < MaxNames)
        {
            _places[place] = _paths.Count + 1;
            _paths.Add(path.ToArray());
            return Add(NameOf(path));
        }

        return _names.Count > MaxNames ? MaxNames : Add(Others);
    }

    // A file of which a part is executable is a program, whatever its name.
    public void MarkExecuted(int file) => _arePrograms[file] |= _names[file] != Others;

    public ResidentKind KindOf(int file) =>
        IsAssembly(_names[file]) ? ResidentKind.Assemblies
        : _arePrograms[file] ? ResidentKind.NativeLibraries
        : ResidentKind.MappedFiles;

    // The name of a malloc that is not glibc's, by the libraries that are mapped; null if none is known.
    public string? FindOtherMalloc()
    {
        foreach (string name in _names)
        {
            // Debian's musl is .../x86_64-linux-musl/libc.so.
            string file = name.Substring(name.LastIndexOf('/') + 1);
            if (file == "libc.so" && name.Contains("-musl/", StringComparison.Ordinal))
            {
                return Musl;
            }

            foreach ((string part, string malloc) in s_mallocs)
            {
                if (file.StartsWith(part, StringComparison.Ordinal))
                {
                    return malloc;
                }
            }
        }

        return null;
    }

    // The starts of the file names of C libraries and mallocs.
    private static readonly (string Part, string Malloc)[] s_mallocs =
    [
        ("ld-musl", Musl), ("libc.musl", Musl), ("libjemalloc", "jemalloc"),
        ("libmimalloc", "mimalloc"), ("libtcmalloc", "tcmalloc"), ("libsnmalloc", "snmalloc"),
        ("librpmalloc", "rpmalloc"), ("libscudo", "scudo"), ("libhoard", "Hoard"),
    ];

    private static string NameOf(ReadOnlySpan<byte> path)
    {
        fixed (byte* bytes = path)
        {
            return Encoding.UTF8.GetString(bytes, path.Length);
        }
    }

    private static bool IsAssembly(string name) =>
        name.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) ||
        name.EndsWith(".exe", StringComparison.OrdinalIgnoreCase);

    private static bool IsNativeLibrary(string name) =>
        name.EndsWith(".so", StringComparison.Ordinal) || name.Contains(".so.", StringComparison.Ordinal);

    private int Add(string name)
    {
        _names.Add(name);
        _arePrograms.Add(IsNativeLibrary(name));
        return _names.Count - 1;
    }
}
