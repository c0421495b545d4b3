using System.IO;
using Xunit;

namespace Hakmem.Tests.Children;

public sealed class AddressSpaceTests
{
    private const long GiB = 1L << 30;

    [Theory]
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

        // It can be used up, at no less than an eighth of the limit and at no more than all of it.
        Assert.InRange(child.Figure("exhausted") * (4 << 20), limit / 8, limit);
    }

    [Fact]
    public void WithoutALimitTheReservationIsLarge()
    {
        using HakmemAllocator heap = new();
        Assert.True(heap.GetStatistics().ReservedBytes >= 64 * GiB);
    }

    [Fact]
    public void StrictOvercommitIsSurvived()
    {
        string mode = File.ReadAllText("/proc/sys/vm/overcommit_memory").Trim();
        Assert.SkipUnless(mode == "2", $"vm.overcommit_memory is {mode} here, and a test must not change the system's setting.");
        ChildProcess.Run(ChildScenarios.SmallAddressSpace, addressSpaceBytes: 8 * GiB).AssertSucceeded();
    }
}
