using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;

namespace Hakmem.Tests.Children;

// A control group with a memory limit, below the one that this process is in; removed when it is disposed, its processes having ended.
internal sealed class MemoryGroup : IDisposable
{
    public const int KilledExitCode = 128 + 9;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly string _path;

    private MemoryGroup(string path) => _path = path;

    public string ProcessList => Path.Combine(_path, "cgroup.procs");

    // Null, and why, where the machine or its administrator has none to give.
    public static MemoryGroup? TryCreate(long limitBytes, out string reason)
    {
        string[] groups = File.Exists("/proc/self/cgroup") ? File.ReadAllLines("/proc/self/cgroup") : [];
        string? first = groups.Select(line => line.Split(':', 3)).FirstOrDefault(parts => parts[1].Split(',').Contains("memory"))?[2];
        string? second = groups.FirstOrDefault(line => line.StartsWith("0::", StringComparison.Ordinal))?[3..];
        string name = $"hakmem-tests-{Environment.ProcessId}";
        string parent = first is not null ? "/sys/fs/cgroup/memory" + first : "/sys/fs/cgroup" + second;
        string file = first is not null ? "memory.limit_in_bytes" : "memory.max";
        string path = Path.Combine(parent, name);
        try
        {
            // Where the parent is a plain directory, as in a sandbox without the kernel's, files do not come by themselves, and writing one limits nobody.
            reason = $"{parent} is no control group with a memory limit.";
            if (Directory.Exists(parent) && Directory.CreateDirectory(path).Exists && File.Exists(Path.Combine(path, file)))
            {
                File.WriteAllText(Path.Combine(path, file), limitBytes.ToString(CultureInfo.InvariantCulture));
                MemoryGroup group = new(path);
                if (group.Kills(2 * limitBytes))
                {
                    return group;
                }

                reason = "Control groups' memory limits are not enforced here.";
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            reason = $"No control group with a memory limit can be made here: {failure.Message}";
        }

        SpinWait.SpinUntil(() => TryRemove(path), s_patience);
        return null;
    }

    // Whether a program that keeps so many bytes in its memory is killed.
    private bool Kills(long bytes)
    {
        ProcessStartInfo start = new("/bin/sh") { RedirectStandardError = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"echo $$ > '{ProcessList}' && head -c {bytes} /dev/zero | tail -c {bytes} > /dev/null");
        using Process process = Process.Start(start)!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == KilledExitCode;
    }

    public void Dispose() => SpinWait.SpinUntil(() => TryRemove(_path), s_patience);

    // By rmdir alone: the files in it are the kernel's.
    private static bool TryRemove(string path)
    {
        try
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path);
            }

            return true;
        }
        catch (IOException)
        {
            // The kernel still counts a process that has just ended.
            return false;
        }
    }
}
