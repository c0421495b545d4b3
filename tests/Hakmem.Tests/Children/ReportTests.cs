using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Hakmem.Os;
using Hakmem.Reports;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Children;

// Programs that grow for one reason each: the report names it.
[Needs(SystemNeed.Linux, SystemNeed.Proc)]
public sealed class ReportTests
{
    private static readonly Dictionary<string, string> s_manyArenas = new() { ["MALLOC_ARENA_MAX"] = "64" };

    private static readonly bool s_isGlibc = MallocInfo.TryRead() is not null;

    // All at once, since each mostly waits for its start.
    [Fact]
    public void CaptureProgramThatGrowsNamesTheCulprit()
    {
        (string Program, NativeMemoryKind Culprit, long LeastMiB)[] programs =
        [
            ("arenas", NativeMemoryKind.MallocKept, 100),
            ("native-cache", NativeMemoryKind.MallocInUse, 100),
            ("array-pool", NativeMemoryKind.CollectorLargeObjects, 100),
            ("pinned", NativeMemoryKind.CollectorPinnedObjects, 100),
            ("fragments", NativeMemoryKind.CollectorFree, 24),
            ("stacks", NativeMemoryKind.ThreadStacks, 90),
            ("files", NativeMemoryKind.MappedFiles, 127),
            ("hakmem", NativeMemoryKind.HakmemLive, 100),
            ("code", NativeMemoryKind.CompiledCode, 16),
        ];
        if (!s_isGlibc)
        {
            // Other mallocs return what is freed, or do not say what they keep.
            programs = [.. programs.Where(program => program.Culprit != NativeMemoryKind.MallocKept)];
        }

        ChildResult[] children = new ChildResult[programs.Length];
        Parallel.For(0, programs.Length, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i =>
            children[i] = ChildProcess.Run(ChildScenarios.Report, [programs[i].Program], s_manyArenas));
        for (int i = 0; i < programs.Length; i++)
        {
            (string program, NativeMemoryKind culprit, long leastMiB) = programs[i];
            ChildResult child = children[i];
            child.AssertSucceeded();
            string output = $"{program}: {child.Output}";
            Assert.True(child.Figure("largest") == (int)ToldAs(culprit), output);
            Assert.True(child.Figure("grown") == (int)ToldAs(culprit), output);
            Assert.True(child.Figure("grown-bytes") >= leastMiB << 20, output);
            long resident = child.Figure("resident");
            Assert.True(child.Figure("attributed") >= 0.95 * resident, output);
            Assert.True(child.Figure("attributed") >= 0.95 * child.Figure("working-set"), output);
            Assert.InRange(resident, 0.95 * child.Figure("working-set"), 1.05 * child.Figure("working-set"));
        }
    }

    // What no allocator and no runtime knows is not passed off as known.
    [Fact]
    public void CaptureDirectMappingIsOtherAnonymousMemory()
    {
        Assert.SkipUnless(s_isGlibc, "Another malloc shares a row with such memory.");
        ChildResult child = ChildProcess.Run(ChildScenarios.Report, ["mapping"]);
        child.AssertSucceeded();
        Assert.Equal((int)NativeMemoryKind.OtherAnonymous, child.Figure("largest"));
        Assert.InRange(child.Figure("resident") - child.Figure("attributed"), 127L << 20, 130L << 20);
    }

    // The runtime's other ways to lay out its memory.
    [Theory]
    [InlineData("DOTNET_EnableWriteXorExecute", "0", "code", NativeMemoryKind.CompiledCode)]
    [InlineData("DOTNET_GCName", "libclrgc.so", "array-pool", NativeMemoryKind.CollectorLargeObjects)]
    [InlineData("DOTNET_GCHeapHardLimit", "20000000", "array-pool", NativeMemoryKind.CollectorLargeObjects)]
    [InlineData("DOTNET_gcServer", "1", "pinned", NativeMemoryKind.CollectorPinnedObjects)]
    public void CaptureOtherLayoutNamesTheCulprit(
        string setting, string value, string program, NativeMemoryKind culprit)
    {
        Dictionary<string, string> environment = new() { [setting] = value };
        ChildResult child = ChildProcess.Run(ChildScenarios.Report, [program], environment);
        child.AssertSucceeded();
        Assert.True(child.Figure("largest") == (int)ToldAs(culprit), child.Output);
        Assert.True(child.Figure("attributed") >= 0.95 * child.Figure("working-set"), child.Output);
    }

    // Built for netstandard2.0, the library knows no generations; other mallocs than glibc's have one row.
    private static NativeMemoryKind ToldAs(NativeMemoryKind kind) => kind switch
    {
        <= NativeMemoryKind.CollectorFree when !CollectorFigures.Read(mayCollect: false).HasGenerations =>
            NativeMemoryKind.CollectorHeaps,
        NativeMemoryKind.MallocInUse when !s_isGlibc => NativeMemoryKind.OtherMalloc,
        _ => kind,
    };
}
