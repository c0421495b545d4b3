using System;
using System.Runtime.InteropServices;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>Finds the native mimalloc to compare with: the file that <c>MIMALLOC_SO</c> names, else the distribution's.</summary>
internal static unsafe class MimallocLibrary
{
    /// <summary>The environment variable that names another build of the library.</summary>
    public const string PathVariable = "MIMALLOC_SO";

    // Debian's package has versioned names only; the plain one belongs to its -dev package and to builds from source.
    private static readonly string[] s_names = ["libmimalloc.so.2.0", "libmimalloc.so.2", "libmimalloc.so.3", "libmimalloc.so"];

    private static readonly nint s_handle = Load();

    /// <summary>Whether there is a library to measure.</summary>
    public static bool IsAvailable => s_handle != 0;

    /// <summary>What to do about a library that is not there, or null when it is.</summary>
    public static string? HowToGet
    {
        get
        {
            if (IsAvailable)
            {
                return null;
            }

            string? path = Environment.GetEnvironmentVariable(PathVariable);
            return string.IsNullOrEmpty(path)
                ? $"install libmimalloc2.0 (Debian, Ubuntu), or name a build of your own with {PathVariable}=/path/libmimalloc.so"
                : $"{PathVariable} names {path}, which cannot be loaded";
        }
    }

    /// <summary>The loaded library's version as its authors write it, or null when there is none.</summary>
    public static string? Version => IsAvailable ? Format(((delegate* unmanaged<int>)Export("mi_version"))()) : null;

    /// <summary>The address of a function of the library.</summary>
    /// <exception cref="DllNotFoundException">There is no library.</exception>
    public static nint Export(string function)
    {
        if (!IsAvailable)
        {
            throw new DllNotFoundException($"There is no mimalloc: {HowToGet}.");
        }

        return NativeLibrary.GetExport(s_handle, function);
    }

    private static nint Load()
    {
        // A name that was given and does not load is a mistake to report, not a reason to measure some other version.
        string? path = Environment.GetEnvironmentVariable(PathVariable);
        foreach (string name in string.IsNullOrEmpty(path) ? s_names : [path])
        {
            if (NativeLibrary.TryLoad(name, out nint handle))
            {
                return handle;
            }
        }

        return 0;
    }

    // One digit each for minor and patch up to 2.2 (227), two digits each since (30403).
    private static string Format(int version)
    {
        int radix = version < 10_000 ? 10 : 100;
        return $"{version / (radix * radix)}.{version / radix % radix}.{version % radix}";
    }
}
