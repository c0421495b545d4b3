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
        ChildResult child = Unload(CollectibleContextsScenario.Freed, Contexts);
        Assert.InRange(child.Figure("gibibytes"), 1, MaxGibibytes);
    }

    // Their table of live blocks is a sixteenth of an arena, and is reserved apart.
    [Fact]
    public void UnloadedContextsGiveTheirTableOfLiveBlocksBack()
    {
        ChildResult child = Unload(
            CollectibleContextsScenario.Freed,
            20,
            new Dictionary<string, string> { ["HAKMEM_HARDENING"] = nameof(HardeningLevel.Checked) });
        Assert.InRange(child.Figure("gibibytes"), 1, 1 << 10);
    }

    // Finalizers run in any order, and the arena's may come before that of what is live in it.
    [Fact]
    public void BlocksThatFinalizersFreeDoNotKeepTheArena()
    {
        ChildResult child = Unload(CollectibleContextsScenario.FreedByFinalizer, 4);
        Assert.InRange(child.Figure("gibibytes"), 1, 1 << 10);
    }

    // The runtime did not come back from the start of a profiler in the second context.
    [Fact]
    public void EachContextCanProfileItsHeap() => Unload(CollectibleContextsScenario.Profiled, 4);

    // Whoever has the block may be outside the context, and go on using it.
    [Fact]
    public void AnUnloadedContextsLiveBlockStaysReadable()
    {
        ChildResult child = Unload(CollectibleContextsScenario.StillLive, 3);
        Assert.Equal(77, child.Figure("contents"));
    }

    // Has so many contexts come and go, all of them.
    private static ChildResult Unload(string use, int contexts, IReadOnlyDictionary<string, string>? environment = null)
    {
        Assert.SkipUnless(IsUnloadHeeded, "The stand-in for the framework's contexts has none.");
        ChildResult child = ChildProcess.RunProgram(
            ["child", ChildScenarios.CollectibleContexts, use, $"{contexts}"], environment, hang: s_hang);
        child.AssertSucceeded();
        Assert.Equal(contexts, child.Figure("gone"));
        return child;
    }

    // The netstandard2.0 build has the context's type as a stand-in of its own.
    private static bool IsUnloadHeeded => typeof(HakmemAllocator).Assembly.GetType("Hakmem.Compat.AssemblyLoadContext") is null;
}
