using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Children;

// A program that has the library and does not call it pays for nothing but its file: no thread, no address range.
public sealed class LoadedOnlyTests
{
    // The smallest arena there is: see Arena.
    private const long ArenaBytes = 64L << 20;

    [Fact]
    [Needs(SystemNeed.Proc)]
    public void LoadingStartsNoThreadAndReservesNoArena()
    {
        // Without tiers, since the thread that compiles the second one comes when it likes; and with one arena of the C library's, which reserves
        // another 64 MiB whenever a thread of the runtime's finds the others busy.
        ChildResult child = ChildProcess.Run(
            ChildScenarios.LoadedOnly,
            environment: new Dictionary<string, string> { ["DOTNET_TieredCompilation"] = "0", ["MALLOC_ARENA_MAX"] = "1" });
        child.AssertSucceeded();
        Assert.True(child.Figure("types") > 100);
        Assert.Equal(0, child.Figure("loading-threads"));
        Assert.InRange(child.Figure("loading-reserved"), -ArenaBytes, ArenaBytes / 8);

        // And the same look does see what the first allocation brings.
        Assert.True(child.Figure("allocating-reserved") >= ArenaBytes);
    }
}
