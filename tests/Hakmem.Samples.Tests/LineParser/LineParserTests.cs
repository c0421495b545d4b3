using System;
using System.Buffers;
using System.IO;
using System.Threading.Tasks;
using Hakmem.LineParser;
using Hakmem.Samples.Tests.Support;
using Xunit;

namespace Hakmem.Samples.Tests.LineParser;

// The two parsers agree, whatever the buffers' borders cut through, and the pipe leaves no buffer behind.
public sealed class LineParserTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private readonly HakmemAllocator _heap = new();
    private readonly NativeMemoryPool _pool;
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"hakmem-lines-test-{Guid.NewGuid():N}.csv");

    public LineParserTests() => _pool = new NativeMemoryPool(_heap);

    public void Dispose()
    {
        _pool.Dispose();
        _heap.Dispose();
        File.Delete(_path);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100_000)]
    [InlineData(9_000_000)]
    public async Task ThePipeAndTheStringsFindTheSame(long bytes)
    {
        MeasurementFile.Write(_path, bytes);
        Assert.InRange(new FileInfo(_path).Length, bytes, bytes + 64);
        Summary native = await PipeParser.ParseAsync(_path, _pool);
        Summary pooled = await PipeParser.ParseAsync(_path, MemoryPool<byte>.Shared);
        Summary strings = await StringParser.ParseAsync(_path);
        Assert.True(native.Lines > 0);
        Assert.Equal(strings.Stations, native.Stations);
        Assert.True(native.Matches(strings) && native.Matches(pooled));
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public async Task EveryLineCounts()
    {
        await File.WriteAllTextAsync(_path, "north;-12\nsouth;250\nnorth;34\n", TestContext.Current.CancellationToken);
        Summary summary = await PipeParser.ParseAsync(_path, _pool);
        Assert.Equal(3, summary.Lines);
        Station north = summary.Stations[0];
        Assert.Equal(("north", 2L, 22L, -12, 34), (north.Name, north.Count, north.Sum, north.Lowest, north.Highest));
        Assert.Equal("north: -1.2 .. 3.4, mean 1.1 of 2", north.ToString());
        Assert.False(summary.Matches(new Summary([north])));
    }

    [Fact]
    public async Task AnEmptyFileHasNothing()
    {
        await File.WriteAllTextAsync(_path, "", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await PipeParser.ParseAsync(_path, _pool)).Lines);
    }

    [Theory]
    [InlineData("north;1\nnonsense\n")]
    [InlineData("north;12x\n")]
    [InlineData("north;1\nsouth;2")]
    [InlineData(null)]
    public async Task AMalformedFileIsRefusedAndLeavesNothingBehind(string? text)
    {
        await File.WriteAllTextAsync(_path, text ?? new string('n', 2_000_000), TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<InvalidDataException>(() => PipeParser.ParseAsync(_path, _pool));
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public async Task AMissingFileIsSaidToBeMissing()
    {
        await Assert.ThrowsAsync<FileNotFoundException>(() => PipeParser.ParseAsync(_path, _pool));
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public async Task ADirectoryIsRefused()
    {
        string directory = Directory.CreateTempSubdirectory("hakmem-lines-test").FullName;
        try
        {
            await Assert.ThrowsAsync<UnauthorizedAccessException>(() => ParseAsync(directory, _pool));
            Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        }
        finally
        {
            Directory.Delete(directory);
        }
    }

    [Fact]
    public async Task APoolThatHasNoMemoryIsSaidToHaveNone()
    {
        MeasurementFile.Write(_path, 100_000);
        using FullHeap full = new();
        using NativeMemoryPool pool = new(full.Heap);
        await Assert.ThrowsAsync<OutOfMemoryException>(() => ParseAsync(_path, pool));
        Assert.Equal(full.LiveBlocks, full.Heap.GetStatistics().LiveBlocks);
    }

    // One that does not end fails.
    private static Task<Summary> ParseAsync(string path, MemoryPool<byte> pool) =>
        PipeParser.ParseAsync(path, pool).WaitAsync(s_patience, TestContext.Current.CancellationToken);
}
