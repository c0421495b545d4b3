using System;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Threading;

namespace Hakmem.Mutants;

/// <summary>A copy of the repository's files in a directory of its own, where slips are put in and tests are built and run. Not thread-safe.</summary>
internal sealed class SourceCopy : IDisposable
{
    private static readonly TimeSpan s_buildLimit = TimeSpan.FromMinutes(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("hakmem-mutants.").FullName;
    private readonly string _configuration;

    /// <summary>Copies all files that git tracks, as they are now.</summary>
    /// <param name="root">The repository's root.</param>
    /// <param name="configuration">Debug or Release.</param>
    public SourceCopy(string root, string configuration)
    {
        _configuration = configuration;
        string files = Run("git", root, s_buildLimit, out int code, "ls-files", "--cached", "--others", "--exclude-standard");
        if (code != 0)
        {
            throw new InvalidOperationException($"git lists no files at {root}: {files}");
        }

        foreach (string file in files.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string source = Path.Combine(root, file);
            if (File.Exists(source))
            {
                string target = Path.Combine(_folder, file);
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(source, target);
            }
        }
    }

    /// <summary>Puts a slip in and gives what takes it out again.</summary>
    /// <exception cref="InvalidOperationException">The text is not in the file exactly once.</exception>
    public IDisposable Apply(Mutant mutant)
    {
        string path = Path.Combine(_folder, mutant.File);
        string text = File.ReadAllText(path);
        int first = text.IndexOf(mutant.Before, StringComparison.Ordinal);
        if (first < 0 || text.IndexOf(mutant.Before, first + 1, StringComparison.Ordinal) >= 0)
        {
            throw new InvalidOperationException($"Slip '{mutant.Name}': its text is not in {mutant.File} exactly once.");
        }

        File.WriteAllText(path, text[..first] + mutant.After + text[(first + mutant.Before.Length)..]);
        return new Undo(path, text);
    }

    /// <summary>Builds a test project; the output if that fails, else null.</summary>
    public string? Build(string project)
    {
        string output = Run(
            "dotnet", _folder, s_buildLimit, out int code, "build", Path.Combine("tests", project), "-c", _configuration, "-v", "q",
            "-p:RunAnalyzers=false", "-p:EnforceCodeStyleInBuild=false", "-p:TreatWarningsAsErrors=false");
        return code == 0 ? null : output;
    }

    /// <summary>Runs tests of a project that was built; whether there were any and all of them passed within a time.</summary>
    public bool Test(string project, TimeSpan limit, params string[] options)
    {
        string program = Path.Combine("tests", project, "bin", _configuration, "net10.0", project + ".dll");
        string output = Run("dotnet", _folder, limit, out int code, [program, .. options]);
        return code == 0 && !output.Contains("\n0 passed, ", StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Run(string program, string folder, TimeSpan limit, out int code, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start) ?? throw new Win32Exception($"{program} did not start.");
        using CancellationTokenSource end = new(limit);
        System.Threading.Tasks.Task<string> output = process.StandardOutput.ReadToEndAsync(end.Token);
        System.Threading.Tasks.Task<string> errors = process.StandardError.ReadToEndAsync(end.Token);
        try
        {
            string text = output.GetAwaiter().GetResult() + errors.GetAwaiter().GetResult();
            process.WaitForExit();
            code = process.ExitCode;
            return text;
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            code = -1;
            return $"{program} did not end within {limit}.";
        }
    }

    private sealed class Undo(string path, string text) : IDisposable
    {
        public void Dispose() => File.WriteAllText(path, text);
    }
}
