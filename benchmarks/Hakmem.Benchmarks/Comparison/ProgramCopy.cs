using System;
using System.IO;

namespace Hakmem.Benchmarks.Comparison;

/// <summary>
/// A copy of this program, in the directory for temporary files, until this is disposed: so that a build during a long
/// comparison does not change what it measures.
/// </summary>
internal sealed class ProgramCopy : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("hakmem-current-").FullName;

    /// <summary>Copies this program.</summary>
    public ProgramCopy()
    {
        string from = AppContext.BaseDirectory;
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(_directory, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    /// <summary>The path of its assembly.</summary>
    public string Assembly => Path.Combine(_directory, Path.GetFileName(typeof(ProgramCopy).Assembly.Location));

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
