using System;
using System.IO;
using System.Linq;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>
/// A malloc that replaces the whole process's: measured through <see cref="NativeMemorySubject"/> in a process that was started
/// with the library as a preload. jemalloc cannot be loaded later (it wants room for its thread-local state at start-up).
/// </summary>
/// <remarks>The runtime's own allocations go through it as well, so its memory figures are not quite those of the other rows.</remarks>
internal sealed class PreloadedSubject : AllocatorSubject<NativeMemorySubject>
{
    private static readonly string[] s_folders =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"];

    private readonly string _fileName;
    private readonly string _package;
    private readonly string? _path;

    /// <summary>Describes the subject and looks for its library.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="description">One line on it.</param>
    /// <param name="fileName">The library's versioned file name.</param>
    /// <param name="package">The Debian package that has it.</param>
    public PreloadedSubject(string name, string description, string fileName, string package)
        : base(name, SubjectRole.Peer, description)
    {
        _fileName = fileName;
        _package = package;
        _path = s_folders.Select(folder => Path.Combine(folder, fileName)).FirstOrDefault(File.Exists);
    }

    public override string? HowToGet => _path is null ? $"install {_package} (Debian, Ubuntu), which has {_fileName}" : null;

    public override string? PreloadPath => _path;

    /// <summary>The dynamic loader only warns when it cannot preload, and glibc would be measured under another's name.</summary>
    public override void Prepare()
    {
        base.Prepare();
        if (!File.ReadLines("/proc/self/maps").Any(line => line.Contains(_fileName, StringComparison.Ordinal)))
        {
            throw new InvalidOperationException($"The process was not started with {_fileName} as a preload.");
        }
    }
}
