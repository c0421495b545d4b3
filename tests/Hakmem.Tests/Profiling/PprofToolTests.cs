using System;
using System.Diagnostics;
using System.IO;
using System.Runtime.CompilerServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

// What `go tool pprof` makes of a profile. Skipped where Go is not installed; `.ci/run pprof` installs it, on Linux.
[Needs(SystemNeed.Linux)]
[Category(TestCategory.Child)]
public sealed unsafe class PprofToolTests : IDisposable
{
    private const int Blocks = 50;
    private const int Bytes = 1 << 20;

    private readonly HakmemAllocator _heap = new();
    private readonly MemoryTag _tag = new("tenant");
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"hakmem-{Guid.NewGuid():n}.pb.gz");

    public PprofToolTests()
    {
        using HakmemProfiler profiler = HakmemProfiler.Start(_heap, 1 << 10);
        Seeded(_heap, Blocks);
        Seeded(_heap.ForTag(_tag), 2 * Blocks);
        Elsewhere(_heap);
        using FileStream stream = File.Create(_file);
        profiler.Capture().WritePprof(stream);
    }

    public void Dispose()
    {
        File.Delete(_file);
        _heap.Dispose();
        _tag.Dispose();
    }

    [Fact]
    public void TheSeededFunctionLeadsTheLiveBytes()
    {
        string[] lines = Run("-top", "-unit=MB").Split('\n');
        Assert.Contains("Type: inuse_space", lines);
        string first = lines[Array.FindIndex(lines, line => line.Contains("flat%", StringComparison.Ordinal)) + 1];
        Assert.EndsWith($".{nameof(PprofToolTests)}.{nameof(Seeded)}", first, StringComparison.Ordinal);

        // 150 of 151 MiB, to within what is sampled by chance.
        Assert.Matches(@"^\s*(149|150)(\.\d+)?MB\s+99\.\d+%", first);
    }

    [Fact]
    public void AllocationsHaveTheirOwnTypes()
    {
        string top = Run("-top", "-sample_index=alloc_objects");
        Assert.Contains("Type: alloc_objects", top, StringComparison.Ordinal);
        Assert.Contains($".{nameof(Elsewhere)}", top, StringComparison.Ordinal);
    }

    [Fact]
    public void ATagCanBeAskedFor()
    {
        string tags = Run("-tags", "-unit=MB");
        Assert.Matches(@"tag: Total 10\d(\.\d+)?MB", tags);
        Assert.Matches(@"10\d(\.\d+)?MB \( *100%\): tenant", tags);
        string focused = Run("-top", "-unit=MB", "-tagfocus=tag=tenant");
        Assert.Matches(@"100(\.\d+)?MB", focused);
    }

    private string Run(params string[] options)
    {
        ProcessStartInfo start = new("go") { RedirectStandardOutput = true, RedirectStandardError = true };
        Array.ForEach(["tool", "pprof", .. options, _file], start.ArgumentList.Add);
        start.Environment["PPROF_TMPDIR"] = Path.GetTempPath();
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("Go is not installed.");
            throw;
        }

        using (process)
        {
            string output = process.StandardOutput.ReadToEnd();
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, errors);
            return output;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Seeded(IHakmemAllocator allocator, int count)
    {
        for (int i = 0; i < count; i++)
        {
            _ = allocator.Alloc(Bytes);
        }
    }

    // One MiB in all stays, and as much is freed.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Elsewhere(HakmemAllocator heap)
    {
        _ = heap.Alloc(Bytes);
        for (int i = 0; i < 1_000; i++)
        {
            heap.Free(heap.Alloc(1_000));
        }
    }
}
