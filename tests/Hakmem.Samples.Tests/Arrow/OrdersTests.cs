using System;
using System.IO;
using System.Threading.Tasks;
using Apache.Arrow;
using Hakmem.ArrowSample;
using Xunit;

namespace Hakmem.Samples.Tests.Arrow;

// The sample's table, with its buffers from Hakmem and from managed arrays.
public sealed class OrdersTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();
    private readonly HakmemArrowAllocator _allocator;

    public OrdersTests() => _allocator = new HakmemArrowAllocator(_heap);

    public void Dispose() => _heap.Dispose();

    [Fact]
    public async Task AStreamComesBackAsItWasWrittenAndLeavesNothingBehind()
    {
        string path = Path.Combine(Path.GetTempPath(), $"hakmem-arrow-test-{Guid.NewGuid():N}.arrow");
        try
        {
            await Orders.WriteAsync(path, batches: 5, rowsPerBatch: 1_234, _allocator);
            Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
            double expected = await Orders.SumAsync(path, new ArrayAllocator());
            long before = _allocator.Statistics.Allocations;
            Assert.Equal(expected, await Orders.SumAsync(path, _allocator));
            Assert.True(expected > 0);
            Assert.True(_allocator.Statistics.Allocations - before >= 5);
            Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task ABatchMayBeDisposedOnAnotherThread()
    {
        for (int i = 0; i < 50; i++)
        {
            RecordBatch batch = Orders.Generate(new Random(i), 1_000, _allocator);
            double here = Orders.Sum(batch);
            await Task.Run(
                () =>
                {
                    Assert.Equal(here, Orders.Sum(batch));
                    batch.Dispose();
                },
                TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }
}
