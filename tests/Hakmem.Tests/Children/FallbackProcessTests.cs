using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using Hakmem.Os;
using Hakmem.Tests.BadInput;
using Hakmem.Tests.Buffers;
using Hakmem.Tests.Conformance;
using Hakmem.Tests.Memory;
using Xunit;

namespace Hakmem.Tests.Children;

// Processes in which NativeMemory serves every call: because Hakmem cannot run there, or because it is forced to.
public sealed partial class FallbackProcessTests
{
    private const string Force = "HAKMEM_FORCE_FALLBACK";
    private const string Require = "HAKMEM_REQUIRE_SUPPORTED";

    // Minutes on a busy machine; this long only if it hangs.
    private static readonly TimeSpan s_hang = TimeSpan.FromMinutes(15);

    // A mode of each kind, and what holds of every heap; eng/test-fallback has more.
    private static readonly Type[] s_classes =
    [
        typeof(SharedHeapConformance), typeof(IsolatedHeapConformance), typeof(SharedPoolConformance), typeof(RecyclingPoolConformance),
        typeof(TrackedPoolConformance), typeof(BadInput.DisposedHeapTests), typeof(TryDisposeTests), typeof(NativeMemoryPoolTests),
        typeof(NativeArrayTests), typeof(NativeBufferWriterTests), typeof(NativeMemoryStreamTests),
    ];

    // These ask for a thread's cache, for growth in place, or for the bytes of whole SuperSlabs.
    private static readonly string[] s_excepted =
    [
        $"*.{nameof(TryDisposeTests)}.{nameof(TryDisposeTests.HeapThatAThreadIsWithinACallOfStaysUsable)}",
        $"*.{nameof(NativeBufferWriterTests)}.{nameof(NativeBufferWriterTests.AWriterAloneGrowsWhereItIs)}",
        $"*.{nameof(NativeBufferWriterTests)}.{nameof(NativeBufferWriterTests.WhereThereIsNoRoomForTwiceAsMuchItGrowsByLess)}",
    ];

    [Theory]
    [InlineData(UnsupportedSystemScenario.OtherSystem)]
    [InlineData(UnsupportedSystemScenario.ThirtyTwoBits)]
    [InlineData("131072")]
    public void UnsupportedSystemIsServedAndToldWhy(string system)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.FallbackProcess, [system]);
        AssertServed(child);
        Assert.Contains(OsMemory.Supported, child.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void ForcedProcessIsServedAndToldWhy()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.FallbackProcess, environment: Environment((Force, "true")));
        AssertServed(child);
        Assert.Contains("reason: The setting Hakmem.ForceFallback (HAKMEM_FORCE_FALLBACK) is true.", child.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void SupportedProcessHasNoFallback()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.FallbackProcess, environment: Environment((Require, "true"), (Force, "0")));
        child.AssertSucceeded();
        Assert.Equal(1, child.Figure("supported"));
        Assert.Equal(0, child.Figure("shared") + child.Figure("isolated"));
        Assert.Equal(0, child.Figure("warnings") + child.Figure("late"));
    }

    [Fact]
    public void ForcedAndForbiddenIsAnError()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.FallbackProcess, environment: Environment((Require, "1"), (Force, "1")));
        Assert.NotEqual(0, child.ExitCode);
        Assert.Equal(0, child.Figure("supported"));
        Assert.Contains("PlatformNotSupportedException: The setting Hakmem.ForceFallback", child.Error, StringComparison.Ordinal);
        Assert.Contains("Hakmem.RequireSupported", child.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Force)]
    [InlineData(Require)]
    public void SettingThatCannotBeUnderstoodIsNamed(string variable)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.FallbackProcess, environment: Environment((variable, "perhaps")));
        Assert.NotEqual(0, child.ExitCode);
        Assert.Contains($"InvalidOperationException: The environment variable {variable} is 'perhaps'", child.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatHoldsOfEveryHeapHoldsOfAForcedProcess()
    {
        IEnumerable<string> arguments = s_classes.SelectMany(type => new[] { "-class", type.FullName! })
            .Concat(s_excepted.SelectMany(method => new[] { "-method-", method }));
        ChildResult child = ChildProcess.RunProgram([.. arguments], Environment((Force, "true")), hang: s_hang);
        child.AssertSucceeded();
        Match counts = Counts().Match(child.Output);
        Assert.True(counts.Success && int.Parse(counts.Groups[1].ValueSpan, null) > 10 * s_classes.Length, child.Output);
    }

    private static void AssertServed(ChildResult child)
    {
        child.AssertSucceeded();
        Assert.Equal(0, child.Figure("supported"));
        Assert.Equal(0, child.Figure("early"));
        Assert.Equal(1, child.Figure("shared"));
        Assert.Equal(1, child.Figure("isolated"));
        Assert.Equal(0, child.Figure("live"));
        Assert.Equal(0, child.Figure("rented"));
        Assert.Equal(1, child.Figure("warnings"));
        Assert.Equal(1, child.Figure("late"));
    }

    private static Dictionary<string, string> Environment(params (string Name, string Value)[] variables) =>
        variables.ToDictionary(variable => variable.Name, variable => variable.Value);

    [GeneratedRegex(@"^(\d+) passed, 0 failed", RegexOptions.Multiline)]
    private static partial Regex Counts();
}
