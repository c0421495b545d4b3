using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Children;

// A process on a system that Hakmem does not support, where fallbacks are not wanted, learns it from every first use, with what is supported;
// see also OsMemoryTests and FallbackProcessTests.
public sealed class UnsupportedSystemTests
{
    private static readonly Dictionary<string, string> s_required = new() { ["HAKMEM_REQUIRE_SUPPORTED"] = "true" };

    [Theory]
    [InlineData(UnsupportedSystemScenario.OtherSystem)]
    [InlineData(UnsupportedSystemScenario.ThirtyTwoBits)]
    [InlineData("131072")]
    [InlineData("2097152")]
    public void EveryUseSaysWhatIsSupported(string system)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.UnsupportedSystem, [system], s_required);
        child.AssertSucceeded();
        string[] uses = [.. child.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        Assert.Equal(["shared", "isolated", "pool"], uses.Select(use => use.Split(':')[0]));
        Assert.All(uses, use => Assert.Contains(": PlatformNotSupportedException: ", use, StringComparison.Ordinal));
        Assert.All(uses, use => Assert.Contains(OsMemory.Supported, use, StringComparison.Ordinal));
        Assert.All(uses, use => Assert.Contains("Hakmem.RequireSupported (HAKMEM_REQUIRE_SUPPORTED)", use, StringComparison.Ordinal));
    }

    // It was a TypeInitializationException inside another, with the cause in the innermost.
    [Fact]
    public void TooLittleAddressSpaceIsNamedByEveryUse()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.UnsupportedSystem, [UnsupportedSystemScenario.NoAddressSpace]);
        child.AssertSucceeded();
        string[] uses = [.. child.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        Assert.Equal(["shared", "isolated", "pool"], uses.Select(use => use.Split(':')[0]));
        Assert.All(uses, use => Assert.Contains(": OutOfMemoryException: ", use, StringComparison.Ordinal));
        Assert.All(uses, use => Assert.Contains("address space", use, StringComparison.Ordinal));
        Assert.All(uses, use => Assert.Contains("ulimit -v", use, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("16384")]
    [InlineData("65536")]
    [Needs(SystemNeed.ReleasesParts)]
    public void LargerPagesThatAreSupportedWork(string system)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.UnsupportedSystem, [system]);
        child.AssertSucceeded();
        Assert.Equal(["shared: works", "isolated: works", "pool: works"], child.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
