using System;
using System.Collections.Generic;
using Xunit;

namespace Hakmem.Tests.Children;

// The library in contexts that are unloaded: what a host of plug-ins does.
public sealed class CollectibleContextsTests
{
    // A process has 128 TiB of addresses and a context's arena takes one: more than that many.
    private const int Contexts = 140;
    private const long MaxGibibytes = 4 << 10;

    // Each context compiles the library's code anew.
    private static readonly TimeSpan s_hang = TimeSpan.FromMinutes(10);

    [Fact]
    public void UnloadedContextsGiveTheirArenasBack()
    {
        Assert.SkipUnless(IsUnloadHeeded, "The stand-in for the framework's contexts has none.");
        ChildResult child = ChildProcess.RunProgram(
            ["child", ChildScenarios.CollectibleContexts, CollectibleContextsScenario.Freed, $"{Contexts}"], hang: s_hang);
        child.AssertSucceeded();
        Assert.Equal(Contexts, child.Figure("gone"));
        Assert.InRange(child.Figure("gibibytes"), 1, MaxGibibytes);
    }

    // Their table of live blocks is a sixteenth of an arena, and is reserved apart.
    [Fact]
    public void UnloadedContextsGiveTheirTableOfLiveBlocksBack()
    {
        Assert.SkipUnless(IsUnloadHeeded, "The stand-in for the framework's contexts has none.");
        ChildResult child = ChildProcess.Run(
            ChildScenarios.CollectibleContexts,
            [CollectibleContextsScenario.Freed, "20"],
            new Dictionary<string, string> { ["HAKMEM_HARDENING"] = nameof(HardeningLevel.Checked) });
        child.AssertSucceeded();
        Assert.Equal(20, child.Figure("gone"));
        Assert.InRange(child.Figure("gibibytes"), 1, 1 << 10);
    }

    // Finalizers run in any order, and the arena's may come before that of what is live in it.
    [Fact]
    public void BlocksThatFinalizersFreeDoNotKeepTheArena()
    {
        Assert.SkipUnless(IsUnloadHeeded, "The stand-in for the framework's contexts has none.");
        ChildResult child = ChildProcess.Run(ChildScenarios.CollectibleContexts, [CollectibleContextsScenario.FreedByFinalizer, "4"]);
        child.AssertSucceeded();
        Assert.Equal(4, child.Figure("gone"));
        Assert.InRange(child.Figure("gibibytes"), 1, 1 << 10);
    }

    // Whoever has the block may be outside the context, and go on using it.
    [Fact]
    public void AnUnloadedContextsLiveBlockStaysReadable()
    {
        Assert.SkipUnless(IsUnloadHeeded, "The stand-in for the framework's contexts has none.");
        ChildResult child = ChildProcess.Run(ChildScenarios.CollectibleContexts, [CollectibleContextsScenario.StillLive, "3"]);
        child.AssertSucceeded();
        Assert.Equal(3, child.Figure("gone"));
        Assert.Equal(77, child.Figure("contents"));
    }

    // The netstandard2.0 build has the context's type as a stand-in of its own.
    private static bool IsUnloadHeeded => typeof(HakmemAllocator).Assembly.GetType("Hakmem.Compat.AssemblyLoadContext") is null;
}
