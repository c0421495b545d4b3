using System;
using System.IO;
using Hakmem.Os;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Children;

public sealed class AddressSpaceTests
{
    private const long GiB = 1L << 30;

    [Theory]
    [Needs(SystemNeed.Shell)]
    [InlineData(3 * GiB)]
    [InlineData(4 * GiB)]
    [InlineData(8 * GiB)]
    [InlineData(40 * GiB)]
    public void ALimitedAddressSpaceIsShared(long limit)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.SmallAddressSpace, addressSpaceBytes: limit);
        child.AssertSucceeded();
        Assert.InRange(child.Figure("reserved"), 1, limit);
        Assert.Equal(0, child.Figure("live"));

        // It can be used up, down to the last SuperSlabs of what was reserved, and that is a fair share of the limit.
        long exhausted = child.Figure("exhausted") * (4 << 20);
        Assert.InRange(exhausted, limit / 16, limit);
        Assert.InRange(exhausted, child.Figure("reserved") * 3 / 4, child.Figure("reserved"));
    }

    [Theory]
    [Needs(SystemNeed.Shell)]
    [InlineData(3 * GiB)]
    [InlineData(8 * GiB)]
    public void ThreadsThatRaceForItAreRefusedAndRecover(long limit)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.RaceToTheLimit, addressSpaceBytes: limit);
        child.AssertSucceeded();
        for (int round = 0; round < 2; round++)
        {
            Assert.Equal(8, child.Figure($"refusals{round}"));
            Assert.Equal(0, child.Figure($"live{round}"));
            Assert.InRange(child.Figure($"bytes{round}"), limit / 16, limit);
        }
    }

    // A system may know a lower limit: where commit is charged, all that it could commit.
    [Fact]
    public void WithoutALimitTheReservationIsLarge()
    {
        using HakmemAllocator heap = new();
        long most = BigPages.OverIfAsked(OsMemory.CreateForCurrentSystem()).MaxArenaBytes;
        Assert.True(heap.GetStatistics().ReservedBytes >= Math.Min(64 * GiB, most));
    }

    [Fact]
    [Needs(SystemNeed.Proc, SystemNeed.Shell)]
    public void StrictOvercommitIsSurvived()
    {
        string mode = File.ReadAllText("/proc/sys/vm/overcommit_memory").Trim();
        Assert.SkipUnless(mode == "2", $"vm.overcommit_memory is {mode} here, and a test must not change the system's setting.");
        ChildProcess.Run(ChildScenarios.SmallAddressSpace, addressSpaceBytes: 8 * GiB).AssertSucceeded();
    }
}
