using System;
using System.Collections.Generic;
using System.Globalization;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Children;

// What each level of hardening tells of each misuse, in a process that commits it: by an unhandled exception, or by a fault.
public sealed class MisuseTests
{
    private const string Corruption = "HakmemCorruptionException";
    private const string FreedAlready = "it was freed already";
    private const string BehindAnotherFree = "an earlier double free";

    private static readonly Dictionary<string, string> s_standard = [];
    private static readonly Dictionary<string, string> s_full = new() { ["HAKMEM_HARDENING"] = "full" };
    private static readonly Dictionary<string, string> s_checked = new() { ["HAKMEM_HARDENING"] = "Checked" };
    private static readonly Dictionary<string, string> s_fullWithStacks = new() { ["HAKMEM_HARDENING"] = "full", ["HAKMEM_CAPTURE_STACKS"] = "true" };
    private static readonly Dictionary<string, string> s_sampled = new() { ["HAKMEM_GUARDED_SAMPLE_INTERVAL"] = "1" };

    // Tiny, mid and large; each at the very call that commits it.
    public static TheoryData<string, string, long> CaughtAtTheCall
    {
        get
        {
            TheoryData<string, string, long> cases = [];
            foreach (long size in new long[] { 100, 100_000, 3_000_000 })
            {
                cases.Add("double-free", FreedAlready, size);
                cases.Add("double-free-later", FreedAlready, size);
                cases.Add("double-free-at-flush", FreedAlready, size);
                cases.Add("interior-free", "an interior pointer", size);
                cases.Add("misaligned-free", "a misaligned pointer", size);
                cases.Add("foreign-free", "it is not Hakmem memory", size);
                cases.Add("cross-heap-free", "it belongs to another heap", size);
                cases.Add("stale-free", "no block is there", size);
            }

            return cases;
        }
    }

    [Theory]
    [InlineData("double-free", FreedAlready)]
    [InlineData("interior-free", "an interior pointer")]
    [InlineData("misaligned-free", "a misaligned pointer")]
    [InlineData("foreign-free", "it is not Hakmem memory")]
    [InlineData("cross-heap-free", "it belongs to another heap")]
    [InlineData("stale-free", "no block is there")]
    [InlineData("double-free-at-flush", BehindAnotherFree)]
    public void StandardHardeningTellsOf(string misuse, string finding)
    {
        ChildResult child = Run(misuse, "100", s_standard);
        Assert.NotEqual(0, child.ExitCode);
        Assert.Contains(Corruption, child.Error, StringComparison.Ordinal);
        Assert.Contains(finding, child.Error, StringComparison.Ordinal);

        // The last is the one that is told only when the magazines are flushed.
        Assert.Equal(finding == BehindAnotherFree, child.Output.Contains("undetected=1", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(CaughtAtTheCall))]
    public void FullHardeningTellsAtTheCallOf(string misuse, string finding, long size) => AssertToldAtTheCall(misuse, finding, size, s_full);

    // The shared heap, whose paths are inlined.
    [Theory]
    [MemberData(nameof(CaughtAtTheCall))]
    public void TheCheckedLevelTellsAtTheCallOf(string misuse, string finding, long size) => AssertToldAtTheCall(misuse, finding, size, s_checked);

    private static void AssertToldAtTheCall(string misuse, string finding, long size, Dictionary<string, string> environment)
    {
        ChildResult child = Run(misuse, size.ToString(CultureInfo.InvariantCulture), environment);
        Assert.NotEqual(0, child.ExitCode);
        Assert.Contains(Corruption, child.Error, StringComparison.Ordinal);
        Assert.Contains(finding, child.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("undetected=1", child.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("survived=1", child.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void FullHardeningTellsOfAWriteAfterFreeWhenTheBlockIsUsedAgain()
    {
        ChildResult child = Run("write-after-free", "100", s_fullWithStacks);
        Assert.NotEqual(0, child.ExitCode);
        Assert.Contains("a write after free: byte 5 of the free block of 112 is 0x41", child.Error, StringComparison.Ordinal);
        AssertNames(child, BlockOf(child));
        AssertTellsWhoAllocatedAndWhoFreed(child);
    }

    [Theory]
    [InlineData("100")]
    [InlineData("100000")]
    [InlineData("3000000")]
    public void FullHardeningTellsBothCallStacksOfADoubleFree(string size)
    {
        ChildResult child = Run("double-free", size, s_fullWithStacks);
        Assert.Contains(Corruption, child.Error, StringComparison.Ordinal);
        AssertNames(child, BlockOf(child));
        AssertTellsWhoAllocatedAndWhoFreed(child);
    }

    [Theory]
    [InlineData("100000")]
    [InlineData("3000000")]
    public void FullHardeningTellsOfAnOverflowIntoTheSlack(string size)
    {
        ChildResult child = Run("overflow", (long.Parse(size, CultureInfo.InvariantCulture) + 1).ToString(CultureInfo.InvariantCulture), s_full);
        Assert.NotEqual(0, child.ExitCode);
        Assert.Contains("a write out of bounds, 1 bytes after the block's last byte", child.Error, StringComparison.Ordinal);
    }

    [Theory]
    [Needs(SystemNeed.ReportsFaults)]
    [InlineData("page-overflow", "100000", "beyond the block's ends")]
    [InlineData("page-underflow", "4096", "beyond the block's ends")]
    [InlineData("page-overflow", "3000000", "beyond the block's ends")]
    [InlineData("read-after-free", "100000", "a use after free")]
    [InlineData("write-after-free", "3000000", "a use after free")]
    public void FullHardeningTellsOfAFaultAtAGuardPage(string misuse, string size, string finding)
    {
        ChildResult child = Run(misuse, size, s_fullWithStacks);
        AssertFaultReported(child, finding);
        Assert.Contains("AccessViolationException", child.Error, StringComparison.Ordinal);
    }

    [Theory]
    [Needs(SystemNeed.ReportsFaults)]
    [InlineData("page-overflow", "beyond the block's ends")]
    [InlineData("page-underflow", "beyond the block's ends")]
    [InlineData("read-after-free", "a use after free")]
    [InlineData("write-after-free", "a use after free")]
    public void GuardedSamplingTellsOfAFaultWithItsCallStacks(string misuse, string finding)
    {
        foreach (string size in new[] { "16", "100", "1000", "4096", "100000" })
        {
            ChildResult child = Run(misuse, size, s_sampled);
            AssertFaultReported(child, finding);

            // And the runtime has its say as it would without the handler.
            Assert.Contains("AccessViolationException", child.Error, StringComparison.Ordinal);
            Assert.Contains("Hakmem.Tests.Children.MisuseScenario.Commit(System.String, Byte*, UIntPtr)", child.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void GuardedSamplingTellsOfAnOverflowWithinThePageWhenTheBlockIsFreed()
    {
        ChildResult child = Run("overflow", "100", s_sampled);
        Assert.NotEqual(0, child.ExitCode);
        Assert.Contains("a write out of bounds, 1 bytes after the block's last byte", child.Error, StringComparison.Ordinal);
        Assert.Contains("MisuseScenario.TheAllocation", child.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void GuardedSamplingTellsBothCallStacksOfADoubleFree()
    {
        ChildResult child = Run("double-free-at-flush", "100", s_sampled);
        Assert.Contains(FreedAlready, child.Error, StringComparison.Ordinal);
        AssertTellsWhoAllocatedAndWhoFreed(child);
        Assert.DoesNotContain("undetected=1", child.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void FaultsThatAreNoneOfOursGoTheirWay()
    {
        ChildResult child = Run("null-reference", "100", s_sampled);
        child.AssertSucceeded();
        Assert.Equal(1, child.Figure("caught"));
        Assert.DoesNotContain("Hakmem:", child.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void FaultReportsCanBeTurnedOff()
    {
        ChildResult child = Run("read-after-free", "100", new Dictionary<string, string>(s_sampled) { ["HAKMEM_FAULT_REPORTS"] = "false" });
        Assert.NotEqual(0, child.ExitCode);
        Assert.Contains("AccessViolationException", child.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Hakmem: memory fault", child.Error, StringComparison.Ordinal);
    }

    private static ChildResult Run(string misuse, string size, IReadOnlyDictionary<string, string> environment) =>
        ChildProcess.Run(ChildScenarios.Misuse, [misuse, size], environment);

    private static long BlockOf(ChildResult child) => child.Figure("block");

    private static void AssertNames(ChildResult child, long block) =>
        Assert.Contains("0x" + block.ToString("x", CultureInfo.InvariantCulture), child.Error, StringComparison.Ordinal);

    private static void AssertFaultReported(ChildResult child, string finding)
    {
        Assert.NotEqual(0, child.ExitCode);
        Assert.Contains("Hakmem: memory fault", child.Error, StringComparison.Ordinal);
        Assert.Contains(finding, child.Error, StringComparison.Ordinal);
        AssertNames(child, BlockOf(child));
        Assert.Contains("   at Hakmem.Tests.Children.MisuseScenario.TheAllocation\n", child.Error, StringComparison.Ordinal);
        Assert.Equal(
            finding == "a use after free", child.Error.Contains("   at Hakmem.Tests.Children.MisuseScenario.TheFree\n", StringComparison.Ordinal));
    }

    private static void AssertTellsWhoAllocatedAndWhoFreed(ChildResult child)
    {
        Assert.Contains("   at Hakmem.Tests.Children.MisuseScenario.TheAllocation\n", child.Error, StringComparison.Ordinal);
        Assert.Contains("   at Hakmem.Tests.Children.MisuseScenario.TheFree\n", child.Error, StringComparison.Ordinal);
    }
}
