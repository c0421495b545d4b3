using System.Collections.Generic;
using Hakmem.Os;
using Xunit;

namespace Hakmem.Tests.Os;

// What is found on systems of either version, each described by the files that it would have.
public sealed class CgroupLimitTests
{
    private const string Second = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    private const string First = "34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n33 30 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
    private const long None = 9223372036854771712;

    [Fact]
    public void OfTheSecondVersionTheLeastOfTheGroupAndThoseAboveHolds() => Assert.Equal(300, Find(
        Second,
        "0::/service/worker\n",
        ("/sys/fs/cgroup/service/worker/memory.max", "max\n"),
        ("/sys/fs/cgroup/service/memory.max", "300\n"),
        ("/sys/fs/cgroup/memory.max", "500\n")));

    [Fact]
    public void OfTheFirstVersionTheMemoryControllersGroupCounts() => Assert.Equal(200, Find(
        First,
        "9:name=systemd:/x\n4:memory:/process/a:b\n1:cpu:/y\n0::/\n",
        ("/sys/fs/cgroup/memory/process/a:b/memory.limit_in_bytes", "200\n"),
        ("/sys/fs/cgroup/memory/process/memory.limit_in_bytes", $"{None}\n"),
        ("/sys/fs/cgroup/cpu/y/memory.limit_in_bytes", "100\n")));

    [Fact]
    public void BothVersionsAtOnceAreBothAsked() => Assert.Equal(100, Find(
        First + "40 30 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        "4:memory:/m\n0::/u\n",
        ("/sys/fs/cgroup/memory/m/memory.limit_in_bytes", "200\n"),
        ("/sys/fs/cgroup/unified/u/memory.max", "100\n")));

    // A container whose mount shows its own group as the root, without a name space that hides the path to it.
    [Theory]
    [InlineData("/docker/abc", "/docker/abc")]
    [InlineData("/docker/abc", "/docker/abcdef")]
    [InlineData("/docker/abc", "/")]
    public void WhatTheMountsRootHasOfThePathIsNotBelowIt(string root, string path) => Assert.Equal(700, Find(
        $"34 30 0:31 {root} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n",
        $"4:memory:{path}\n",
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "700\n")));

    [Fact]
    public void WithoutALimitThereIsNone()
    {
        Assert.Equal(long.MaxValue, CgroupLimit.Find(Missing, out bool isComplete));
        Assert.True(isComplete);
        Assert.Equal(long.MaxValue, Find("nonsense\n\n- - - -\n", "0::/\n"));
        Assert.Equal(long.MaxValue, Find(Second, ""));
        Assert.Equal(long.MaxValue, Find(Second, "0::/\n", ("/sys/fs/cgroup/memory.max", "max\n")));
        Assert.Equal(long.MaxValue, Find(First, "4:memory:/\n", ("/sys/fs/cgroup/memory/memory.limit_in_bytes", $"{None}\n")));
    }

    // Out of files, say: whatever that one would have said may be the limit.
    [Theory]
    [InlineData("/proc/self/cgroup", long.MaxValue)]
    [InlineData("/proc/self/mountinfo", long.MaxValue)]
    [InlineData("/sys/fs/cgroup/service/memory.max", 500)]
    [InlineData("/sys/fs/cgroup/memory.max", 300)]
    public void AFileThatCouldNotBeReadMakesTheLimitIncomplete(string unreadable, long limit)
    {
        Dictionary<string, string> all = new()
        {
            ["/proc/self/mountinfo"] = Second,
            ["/proc/self/cgroup"] = "0::/service\n",
            ["/sys/fs/cgroup/service/memory.max"] = "300\n",
            ["/sys/fs/cgroup/memory.max"] = "500\n",
        };
        Assert.Equal(limit, CgroupLimit.Find(Read, out bool isComplete));
        Assert.False(isComplete);

        bool Read(string path, out string? text)
        {
            text = path == unreadable ? null : all.GetValueOrDefault(path);
            return path != unreadable;
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("max")]
    [InlineData("-1")]
    [InlineData("+5")]
    [InlineData("12x")]
    [InlineData("1 2")]
    [InlineData("1152921504606846976")]
    [InlineData("9223372036854775808")]
    [InlineData("9999999999999999999")]
    [InlineData("10000000000000000000")]
    [InlineData("18446744073709551616")]
    [InlineData("99999999999999999999999")]
    public void WhatIsNoNumberOfBytesIsNoLimit(string text) =>
        Assert.Equal(long.MaxValue, Find(Second, "0::/\n", ("/sys/fs/cgroup/memory.max", text)));

    [Theory]
    [InlineData("0", 0)]
    [InlineData(" 4096 \n", 4096)]
    [InlineData("1152921504606846975", (1L << 60) - 1)]
    public void ANumberOfBytesIsTheLimit(string text, long limit) =>
        Assert.Equal(limit, Find(Second, "0::/\n", ("/sys/fs/cgroup/memory.max", text)));

    private static long Find(string mounts, string groups, params (string Path, string Text)[] files)
    {
        Dictionary<string, string> all = new() { ["/proc/self/mountinfo"] = mounts, ["/proc/self/cgroup"] = groups };
        foreach ((string path, string text) in files)
        {
            all.Add(path, text);
        }

        long limit = CgroupLimit.Find(Read, out bool isComplete);
        Assert.True(isComplete);
        return limit;

        bool Read(string path, out string? text) => all.TryGetValue(path, out text) || text is null;
    }

    private static bool Missing(string path, out string? text)
    {
        text = null;
        return true;
    }
}
