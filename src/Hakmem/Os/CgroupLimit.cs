using System;

namespace Hakmem.Os;

// The memory limit that control groups put on this process: the least of its group's and those above it, as far as they can be seen (in a
// container usually its own group only). Both versions are looked for, since a system may have memory under either.
//
//   /proc/self/mountinfo   ... ROOT MOUNTPOINT ... - cgroup2 ...         v2    MOUNTPOINT/PATH/memory.max
//                          ... ROOT MOUNTPOINT ... - cgroup ... memory   v1    MOUNTPOINT/PATH/memory.limit_in_bytes
//   /proc/self/cgroup      0::PATH, and NUMBER:memory:PATH; what ROOT has of the path is not under the mount point
//
// Files come by a function, so that tests can describe any system. A file that is not there is no limit. One that could
// not be read at this moment is no answer: what the others say is given all the same, but as incomplete, so that
// whoever asked asks again.
//
// An object is one search.
internal sealed class CgroupLimit
{
    private const string Mounts = "/proc/self/mountinfo";
    private const string Groups = "/proc/self/cgroup";

    // Version 1 says "none" by the largest multiple of a page; more than this is no limit.
    private const ulong LeastNone = 1UL << 60;

    private readonly FileReader _read;
    private bool _isComplete = true;

    private CgroupLimit(FileReader read) => _read = read;

    // In bytes; long.MaxValue for none.
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
            bool isFirst = mount[separator + 1] == "cgroup" && Array.IndexOf(mount[separator + 3].Split(','), "memory") >= 0;
            if ((isSecond || isFirst) && PathOf(groups!, isSecond) is { } path)
            {
                limit = Math.Min(limit, LeastAbove(mount[4], Below(path, mount[3]), isSecond ? "/memory.max" : "/memory.limit_in_bytes"));
            }
        }

        return limit;
    }

    private static string? PathOf(string groups, bool isSecond)
    {
        foreach (string line in groups.Split('\n'))
        {
            string[] parts = line.Split([':'], 3);
            if (parts.Length == 3 && (isSecond ? parts[0] == "0" && parts[1].Length == 0 : Array.IndexOf(parts[1].Split(','), "memory") >= 0))
            {
                return parts[2];
            }
        }

        return null;
    }

    // The group's path under the mount point. One that is not below the mount's root is not to be seen there: the root then has to do.
    private static string Below(string path, string root)
    {
        string prefix = root == "/" ? "" : root;
        bool isBelow = path.StartsWith(prefix, StringComparison.Ordinal) && (path.Length == prefix.Length || path[prefix.Length] == '/');
        return isBelow ? path.Substring(prefix.Length).TrimEnd('/') : "";
    }

    private string? Read(string path)
    {
        _isComplete &= _read(path, out string? text);
        return text;
    }

    private long LeastAbove(string mountPoint, string path, string file)
    {
        long least = long.MaxValue;
        while (true)
        {
            least = Math.Min(least, Parse(Read(mountPoint + path + file)));
            if (path.Length == 0)
            {
                return least;
            }

            path = path.Substring(0, Math.Max(0, path.LastIndexOf('/')));
        }
    }

    // The framework's way to a number loads the system's cultures first, which takes 6 ms. Anything but digits is no limit: "max", or no file.
    public static long Parse(string? text)
    {
        string digits = text?.Trim() ?? "";
        ulong value = digits.Length == 0 ? LeastNone : 0;
        for (int i = 0; i < digits.Length && value < LeastNone; i++)
        {
            // Below the bound, ten times as much and a digit more is a number still.
            value = digits[i] is >= '0' and <= '9' ? (value * 10) + (ulong)(digits[i] - '0') : LeastNone;
        }

        return value < LeastNone ? (long)value : long.MaxValue;
    }
}
