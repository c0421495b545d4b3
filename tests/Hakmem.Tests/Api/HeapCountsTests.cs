using System;
using System.Collections.Concurrent;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Api;

// Random work in every mode, then a walk over all records: what the layers say of themselves, of each other, and the system of them.
[Category(TestCategory.Stress)]
public sealed unsafe class HeapCountsTests
{
    // Room enough for guard pages of 64 KiB around every large block.
    private const long ArenaBytes = 1L << 30;

    public static TheoryData<string> Modes { get; } = ["standard", "checked", "full hardening", "no cache", "immediate", "eager", "populate"];

    [Theory]
    [MemberData(nameof(Modes))]
    public void TheRecordsAgreeAfterAndWhileOneThreadWorks(string mode) => Seeded.Run(seed =>
    {
        using TestArena test = new(ArenaBytes);
        using HakmemAllocator heap = new(OptionsOf(mode), test.Arena);
        BlockLedger ledger = new(heap);
        Random random = new(seed);
        for (int step = 0; step < 6_000; step++)
        {
            bool isFull = ledger.UsableBytes > 80 << 20;
            switch (random.Next(20))
            {
                case < 9 when !isFull:
                    ledger.Allocate(SizeOf(random));
                    break;
                case 9 when !isFull:
                    ledger.AllocateZeroed(SizeOf(random));
                    break;
                case 10 when !isFull:
                    ledger.AllocateAligned(SizeOf(random), (nuint)1 << random.Next(23));
                    break;
                case < 14 when ledger.Count > 0 && !isFull:
                    ledger.Resize(random.Next(ledger.Count), SizeOf(random));
                    break;
                case 14 when random.Next(20) == 0:
                    heap.Trim();
                    break;
                default:
                    if (ledger.Count > 0)
                    {
                        ledger.Free(random.Next(ledger.Count));
                    }

                    break;
            }

            if (step % 200 == 0)
            {
                Check(test, heap);
                ledger.AssertStatisticsMatch();
            }
        }

        ledger.FreeAll();
        Check(test, heap);
        heap.Trim();
        Check(test, heap);
        Assert.Equal(0, test.CommittedBytes);
    });

    [Theory]
    [MemberData(nameof(Modes))]
    public void TheRecordsAgreeAfterThreadsExchangedBlocks(string mode) => Seeded.Run(seed =>
    {
        using TestArena test = new(ArenaBytes);
        using HakmemAllocator heap = new(OptionsOf(mode), test.Arena);
        ConcurrentQueue<Block> shared = new();
        for (int generation = 0; generation < 3; generation++)
        {
            Workers.Run(4, index => Exchange(heap, shared, new Random(seed + index + (10 * generation))));
            Check(test, heap);
            Assert.Equal(shared.Count, heap.GetStatistics().LiveBlocks);
        }

        while (shared.TryDequeue(out Block block))
        {
            block.VerifyAndFree(heap);
        }

        heap.Trim();
        Check(test, heap);
        Assert.Equal(0, test.CommittedBytes);
    });

    private static void Exchange(HakmemAllocator heap, ConcurrentQueue<Block> shared, Random random)
    {
        for (int step = 0; step < 5_000; step++)
        {
            if (random.Next(2) == 0 && shared.Count < 400)
            {
                shared.Enqueue(Block.Allocate(heap, SizeOf(random), (uint)step));
            }
            else if (shared.TryDequeue(out Block block))
            {
                if (random.Next(6) == 0)
                {
                    shared.Enqueue(block.Resize(heap, SizeOf(random), (uint)step));
                }
                else
                {
                    block.VerifyAndFree(heap);
                }
            }

            if (random.Next(2_000) == 0)
            {
                heap.Trim();
            }
        }
    }

    private static void Check(TestArena test, HakmemAllocator heap)
    {
        HakmemStatistics statistics = heap.GetStatistics();
        ArenaAudit.Check(heap);
        Assert.Equal(test.CommittedBytes, statistics.CommittedBytes);
        test.Os.AssertNoViolation();
    }

    private static nuint SizeOf(Random random) => random.Next(200) switch
    {
        0 => (nuint)random.Next(1 << 20, 7 << 20),
        < 5 => (nuint)random.Next(100 << 10, 3 << 20),
        _ => BlockSizes.RandomSmall(random),
    };

    private static HakmemOptions OptionsOf(string mode) => mode switch
    {
        "standard" => new HakmemOptions(),
        "checked" => new HakmemOptions { Hardening = HardeningLevel.Checked },
        "full hardening" => new HakmemOptions { Hardening = HardeningLevel.Full },
        "no cache" => new HakmemOptions { ThreadCacheBytes = 0, SuperSlabCacheCount = 0 },
        "immediate" => new HakmemOptions { LazyZero = LazyZeroMode.Immediate, SuperSlabCacheCount = 3 },
        "eager" => new HakmemOptions { PurgeDelay = TimeSpan.Zero, SuperSlabCacheTtl = TimeSpan.FromMilliseconds(2) },
        "populate" => new HakmemOptions { Prefault = PrefaultMode.Populate, HugePages = HugePageMode.Never },
        _ => throw new ArgumentOutOfRangeException(nameof(mode)),
    };
}
