using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// A block freed twice in a row where the first free found neither room for it nor memory to make some.
public sealed unsafe class DoubleFreeWithoutMemoryTests
{
    private const int BlockCount = 1_000;

    [Theory]
    [InlineData(100)]
    [InlineData(1_000)]
    [InlineData(20_000)]
    public void ItIsReportedAtTheCallThoughThereIsMemoryAgain(int bytes)
    {
        using TestArena test = new();
        using HakmemAllocator heap = new(new HakmemOptions { ThreadCacheBytes = 64L << 20 }, test.Arena);
        void*[] blocks = new void*[BlockCount];
        for (int i = 0; i < BlockCount; i++)
        {
            blocks[i] = heap.Alloc((nuint)bytes);
        }

        test.Os.Refuse(_ => true);
        ExhaustRecords(test);
        bool wentToItsSpan = false;
        foreach (void* block in blocks)
        {
            test.Os.Refuse(_ => true);
            long cached = heap.GetStatistics().CachedBytes;
            heap.Free(block);
            wentToItsSpan |= heap.GetStatistics().CachedBytes <= cached;

            test.Os.RefuseNone();
            Corruption.AssertReported(block, () => heap.Free(block));
        }

        Assert.True(wentToItsSpan, "No free was short of memory.");
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    // Largest first, so that nothing is left over for a smaller one.
    private static void ExhaustRecords(TestArena test)
    {
        for (int bytes = 64 << 10; bytes >= 16; bytes /= 2)
        {
            while (test.Arena.Metadata.TryAllocate(bytes) != null)
            {
            }
        }
    }
}
