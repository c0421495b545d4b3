using System;

namespace Hakmem.Os;

// The memory limit that control groups set for this process: the lowest of its group and those above it, as far as they
// are visible. Both versions are read, since a system may have memory under either.
//
//   /proc/self/mountinfo   ... ROOT MOUNTPOINT ... - cgroup2 ...         v2    MOUNTPOINT/PATH/memory.max
//                          ... ROOT MOUNTPOINT ... - cgroup ... memory   v1    MOUNTPOINT/PATH/memory.limit_in_bytes
//   /proc/self/cgroup      0::PATH, and NUMBER:memory:PATH; the part ROOT of a path is not under the mount point
//
// A function reads the files, so that tests can describe any system. An absent file means no limit. A file that cannot
// be read at this moment makes the answer incomplete, and the caller asks again later.
//
// One object does one search.
internal sealed class CgroupLimit
{
    private const string Mounts = "/proc/self/mountinfo";
    private const string Groups = "/proc/self/cgroup";

    // Version 1 writes the largest multiple of a page if there is no limit: numbers from this one on are none.
    private const ulong NoLimit = 1UL << 60;

    private readonly FileReader _read;
    private bool _isComplete = true;

    private CgroupLimit(FileReader read) => _read = read;

    // The limit in bytes; long.MaxValue if there is none.
    public static long Find(FileReader read, out bool isComplete)
    {
        CgroupLimit search = new(read);
        long limit = search.Find();
        isComplete = search._isComplete;
        return limit;
    }

    private long Find()
    {
        string? groups = Read(Groups);
        string? mounts = groups is null ? null : Read(Mounts);
        long limit = long.MaxValue;
        foreach (string line in (mounts ?? "").Split('\n'))
        {
            string[] mount = line.Split(' ');
            int separator = Array.IndexOf(mount, "-");
            if (separator < 5 || mount.Length < separator + 4)
            {
                continue;
            }

            bool isSecond = mount[separator + 1] == "cgroup2";
            bool isFirst = mount[separator + 1] == "cgroup" &&
                Array.IndexOf(mount[separator + 3].Split(','), "memory") >= 0;
            if ((isSecond || isFirst) && PathOf(groups!, isSecond) is { } path)
            {
                string file = isSecond ? "/memory.max" : "/memory.limit_in_bytes";
                limit = Math.Min(limit, LowestFrom(mount[4], RelativeTo(mount[3], path), file));
            }
        }

        return limit;
    }

    private static string? PathOf(string groups, bool isSecond)
    {
        foreach (string line in groups.Split('\n'))
        {
            string[] parts = line.Split([':'], 3);
            if (parts.Length == 3 && (isSecond
                ? parts[0] == "0" && parts[1].Length == 0
                : Array.IndexOf(parts[1].Split(','), "memory") >= 0))
            {
                return parts[2];
            }
        }

        return null;
    }

    // The group's path under the mount point; "" for the root, if the path is outside the mount's root and not visible.
    private static string RelativeTo(string root, string path)
    {
        string prefix = root == "/" ? "" : root;
        bool isBelow = path.StartsWith(prefix, StringComparison.Ordinal) &&
            (path.Length == prefix.Length || path[prefix.Length] == '/');
        return isBelow ? path.Substring(prefix.Length).TrimEnd('/') : "";
    }

    private string? Read(string path)
    {
        _isComplete &= _read(path, out string? text);
        return text;
    }

    // The lowest limit of a group and those above it.
    private long LowestFrom(string mountPoint, string path, string file)
    {
        long lowest = long.MaxValue;
        while (true)
        {
            lowest = Math.Min(lowest, Parse(Read(mountPoint + path + file)));
            if (path.Length == 0)
            {
                return lowest;
            }

            path = path.Substring(0, Math.Max(0, path.LastIndexOf('/')));
        }
    }

    // The framework's parser first loads cultures (6 ms). Anything but digits ("max", no file) means no limit.
    public static long Parse(string? text)
    {
        string digits = text?.Trim() ?? "";
        ulong value = digits.Length == 0 ? NoLimit : 0;
        for (int i = 0; i < digits.Length && value < NoLimit; i++)
        {
            // Below NoLimit, ten times the value plus a digit does not overflow.
            value = digits[i] is >= '0' and <= '9' ? (value * 10) + (ulong)(digits[i] - '0') : NoLimit;
        }

        return value < NoLimit ? (long)value : long.MaxValue;
    }
}

// Reads a file. True is an answer: the text, or null if this process has no such file. False is none: the file cannot
// be read at this moment (too many open files, no memory), and may exist.
internal delegate bool FileReader(string path, out string? text);
