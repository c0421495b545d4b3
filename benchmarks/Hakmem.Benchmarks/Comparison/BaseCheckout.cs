using System;
using System.IO;
using System.Linq;

namespace Hakmem.Benchmarks.Comparison;

/// <summary>
/// The base's sources in a git worktree of their own, in the directory for temporary files, until this is disposed.
/// </summary>
internal sealed class BaseCheckout : IDisposable
{
    private const string Folder = "benchmarks";
    private const string Project = "Hakmem.Benchmarks";

    private readonly string _repository;
    private readonly string _directory;

    /// <summary>Checks a revision out.</summary>
    /// <param name="repository">The root of the repository.</param>
    /// <param name="revision">What git understands as a commit.</param>
    /// <exception cref="CommandFailedException">There is no such revision, or git failed.</exception>
    public BaseCheckout(string repository, string revision)
    {
        _repository = repository;
        Commit = Tool.Run(repository, "git", "rev-parse", "--verify", "--end-of-options", revision + "^{commit}");
        _directory = Directory.CreateTempSubdirectory("hakmem-base-").FullName;
        try
        {
            Tool.Run(repository, "git", "worktree", "add", "--quiet", "--detach", _directory, Commit);
        }
        catch (CommandFailedException)
        {
            Directory.Delete(_directory, recursive: true);
            throw;
        }
    }

    /// <summary>The commit that was checked out.</summary>
    public string Commit { get; }

    /// <summary>
    /// Builds the base's library with the current benchmark program, or, where these do not fit, with its own.
    /// </summary>
    /// <param name="isCurrentProgram">Whether it is the current program.</param>
    /// <returns>The path of the program's assembly.</returns>
    /// <exception cref="CommandFailedException">Neither could be built.</exception>
    public string Build(out bool isCurrentProgram)
    {
        isCurrentProgram = true;
        UseCurrentProgram();
        try
        {
            return Build();
        }
        catch (CommandFailedException)
        {
            // Current sources may use what the base's library lacks.
            isCurrentProgram = false;
            UseOwnProgram();
            return Build();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Tool.Run(_repository, "git", "worktree", "remove", "--force", _directory);
    }

    private string Build()
    {
        string project = Path.Combine(_directory, Folder, Project);
        Tool.Run(
            _directory, "dotnet", "build", project, "-c", "Release", "-v", "quiet", "-nologo", "-nodeReuse:false",
            "-p:EnableSourceLink=false", "-p:EnableSourceControlManagerQueries=false");
        string output = Path.Combine(project, "bin", "Release");
        return Directory.GetFiles(output, Project + ".dll", SearchOption.AllDirectories).Single();
    }

    private void UseCurrentProgram()
    {
        string from = Path.Combine(_repository, Folder);
        string to = Path.Combine(_directory, Folder);
        if (Directory.Exists(to))
        {
            Directory.Delete(to, recursive: true);
        }

        string files = Tool.Run(from, "git", "ls-files", "--cached", "--others", "--exclude-standard");
        foreach (string file in files.Split('\n'))
        {
            string source = Path.Combine(from, file);
            if (File.Exists(source))
            {
                string target = Path.Combine(to, file);
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(source, target);
            }
        }
    }

    private void UseOwnProgram()
    {
        Directory.Delete(Path.Combine(_directory, Folder), recursive: true);
        Tool.Run(_directory, "git", "checkout", "--quiet", "--force", Commit, "--", Folder);
    }
}
