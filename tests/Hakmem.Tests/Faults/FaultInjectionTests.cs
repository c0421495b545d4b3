using System;
using System.Linq;
using Hakmem.Os;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Faults;

// The promise that a failing system call at any point is survived: every call of a workload is made to fail in turn. (The calling
// thread's way to a heap goes through its cache of the shared heap, whose memory is real.)
public sealed unsafe class FaultInjectionTests
{
    private const int FullDraws = 4;

    public static MatrixTheoryData<HardeningLevel, int> EveryNth { get; } =
        new([HardeningLevel.Standard, HardeningLevel.Checked, HardeningLevel.Full], [2, 3, 4, 5, 6, 7, 11, 13, 17, 29]);

    [Fact]
    public void WithoutFaultsTheScriptIsRefusedNothing()
    {
        using FaultyHeap heap = new();
        FaultScript.Run(heap);
        Assert.Equal(0, heap.Refusals);

        // What the other tests rest on: the script comes by everything.
        OsCall[] kinds = [.. heap.Os.Calls.Select(call => call.Kind).Distinct()];
        Assert.Contains(OsCall.Commit, kinds);
        Assert.Contains(OsCall.Decommit, kinds);
        Assert.Contains(OsCall.Discard, kinds);
        Assert.Equal(SystemNeeds.MovesPages, kinds.Contains(OsCall.Move));
        Assert.Contains(OsCall.Reserve, kinds);
        heap.AssertRecovered();
    }

    [Fact]
    public void AnyOneCallMayBeRefused()
    {
        int total = CallsOf(options: null);
        Assert.True(total > 30);
        for (int nth = 1; nth <= total; nth++)
        {
            Run(nth, options: null);
        }
    }

    // A refused move, and the calls that are to set right what it may have left: what was decommitted for it and could not be committed again
    // was handed out once.
    [Theory]
    [InlineData(0b0)]
    [InlineData(0b1)]
    [InlineData(0b10)]
    [InlineData(0b11)]
    [InlineData(0b111111)]
    [Needs(SystemNeed.MovesPages)]
    public void TheCallsAfterARefusedMoveMayBeRefusedToo(int refusedOfThoseAfter)
    {
        foreach (int nthMove in new[] { 1, 3 })
        {
            using FaultyHeap heap = new();
            heap.Allocate(7 * BlockSizes.MiB);
            heap.Allocate(2 * BlockSizes.MiB);
            int moves = 0;
            int after = refusedOfThoseAfter << 1;
            heap.Os.Refuse(call => (call == OsCall.Move && ++moves == nthMove) || (moves >= nthMove && ((after >>= 1) & 1) != 0));
            heap.Resize(heap.Ledger[0].Bytes > heap.Ledger[1].Bytes ? 0 : 1, 30 * BlockSizes.MiB);
            Assert.InRange(moves, nthMove, int.MaxValue);
            heap.Os.RefuseNone();
            heap.Check();
            for (int i = 0; i < 15; i++)
            {
                heap.Allocate(7 * BlockSizes.MiB);
            }

            heap.AssertRecovered();
        }
    }

    // A kernel before 6.17 takes the target's mapping away before it finds that it cannot move: another thread's may
    // come into the hole, and was taken over and written to.
    [Theory]
    [InlineData(1, false)]
    [InlineData(3, false)]
    [InlineData(1, true)]
    [InlineData(3, true)]
    [Needs(SystemNeed.MovesPages)]
    public void AForeignMappingInARefusedMovesHoleIsLeft(int nthMove, bool isForeign)
    {
        using FaultyHeap heap = new();
        heap.Os.MoveFault = isForeign ? MoveFault.ForeignMapping : MoveFault.Hole;
        heap.Allocate(7 * BlockSizes.MiB);
        heap.Allocate(2 * BlockSizes.MiB);
        int moves = 0;
        heap.Os.Refuse(call => call == OsCall.Move && ++moves == nthMove);
        heap.Resize(heap.Ledger[0].Bytes > heap.Ledger[1].Bytes ? 0 : 1, 30 * BlockSizes.MiB);
        Assert.InRange(moves, nthMove, int.MaxValue);
        heap.Os.RefuseNone();
        heap.Check();
        for (int i = 0; i < 15; i++)
        {
            heap.Allocate(7 * BlockSizes.MiB);
        }

        heap.Check();
        heap.AssertRecovered(lostSlabs: isForeign ? 1 : 0);
        AssertForeignMapping(heap.Os, isForeign);
    }

    // Neither may the way back be one that leaves a hole: the block's own place would be it.
    [Theory]
    [InlineData(MoveFault.Hole)]
    [InlineData(MoveFault.ForeignMapping)]
    [Needs(SystemNeed.MovesPages)]
    public void ARefusedMoveIsTakenBackWithoutAnotherHole(MoveFault fault)
    {
        using FaultyHeap heap = new();
        heap.Os.MoveFault = fault;
        heap.Allocate(7 * BlockSizes.MiB);
        heap.Allocate(2 * BlockSizes.MiB);
        int moves = 0;
        heap.Os.Refuse(call => call == OsCall.Move && ++moves >= 3);
        heap.Resize(heap.Ledger[0].Bytes > heap.Ledger[1].Bytes ? 0 : 1, 30 * BlockSizes.MiB);
        heap.Os.RefuseNone();
        heap.Check();
        heap.AssertRecovered(lostSlabs: fault == MoveFault.ForeignMapping ? 1 : 0);
        AssertForeignMapping(heap.Os, fault == MoveFault.ForeignMapping);
    }

    private static unsafe void AssertForeignMapping(FaultyMemory os, bool isThere)
    {
        Assert.Equal(isThere, os.ForeignMapping != null);
        if (isThere)
        {
            Assert.Equal("rw-p", Mappings.ProtectionOf(os.ForeignMapping));
            Assert.Equal("none", Mappings.ProtectionOf(os.ForeignMapping - os.PageSize));
            Assert.Equal("none", Mappings.ProtectionOf(os.ForeignMapping + os.PageSize));
            Assert.Equal(FaultyMemory.ForeignContents, *(ulong*)os.ForeignMapping);
        }
    }

    [Fact]
    public void AnyOneCallMayBeRefusedWithPrefaultAndHugePages()
    {
        HakmemOptions options = new() { Prefault = PrefaultMode.Populate, HugePages = HugePageMode.Always, LazyZero = LazyZeroMode.Immediate };
        int total = CallsOf(options);
        for (int nth = 1; nth <= total; nth += 3)
        {
            Run(nth, options);
        }
    }

    // The guard pages' calls included. There are thousands, and a run takes a second: some are drawn.
    [Fact]
    public void AnyOneCallMayBeRefusedWithFullHardening() => Seeded.Run(seed =>
    {
        Random random = new(seed);
        HakmemOptions options = Hardened();
        int total = CallsOf(options);
        for (int draw = 0; draw < FullDraws; draw++)
        {
            Run(random.Next(total) + 1, options);
        }
    });

    [Theory]
    [InlineData(OsCall.Reserve)]
    [InlineData(OsCall.Commit)]
    [InlineData(OsCall.Protect)]
    [InlineData(OsCall.Unprotect)]
    [InlineData(OsCall.Discard)]
    [InlineData(OsCall.Decommit)]
    public void OneKindOfCallMayAlwaysBeRefusedWithFullHardening(OsCall kind)
    {
        Assert.SkipWhen(
            kind == OsCall.Unprotect && !SystemNeeds.Has(OsFeatures.DiscardKeepsCommitted),
            "Sealed ranges are committed again instead.");
        using FaultyHeap heap = new(Hardened());
        heap.Os.RefuseAll(kind);
        if (kind == OsCall.Reserve)
        {
            // Only records reserve: what is reserved for them already is used up first.
            while (heap.Arena.Metadata.TryAllocate(64) != null)
            {
            }
        }

        FaultScript.Run(heap);
        Assert.NotEqual(0, heap.Os.Refusals);
        heap.AssertRecovered();
    }

    [Theory]
    [InlineData(OsCall.Reserve)]
    [InlineData(OsCall.Commit)]
    [InlineData(OsCall.Move)]
    public void OneKindOfCallMayAlwaysBeRefused(OsCall kind)
    {
        using FaultyHeap heap = new();
        heap.Os.RefuseAll(kind);
        FaultScript.Run(heap);
        heap.AssertRecovered();
    }

    [Theory]
    [MemberData(nameof(EveryNth))]
    public void EveryFewCallsMayBeRefusedAtRandomWork(HardeningLevel level, int every) => Seeded.Run(seed =>
    {
        using FaultyHeap heap = new(Options(level));
        heap.Os.RefuseEvery(every);
        RandomWork(heap, new Random(seed));
        Assert.NotEqual(0, heap.Os.Refusals);
        heap.Check();
        heap.AssertRecovered();
    });

    [Theory]
    [InlineData(HardeningLevel.Standard)]
    [InlineData(HardeningLevel.Checked)]
    [InlineData(HardeningLevel.Full)]
    public void SeveralThreadsMayBeRefusedEveryThirdCall(HardeningLevel level) => Seeded.Run(seed =>
    {
        using FaultyHeap heap = new(Options(level));
        heap.Os.RefuseEvery(3);
        Workers.Run(3, index => ThreadWork(heap.Heap, new Random(seed + index)));
        heap.Check();
        heap.AssertRecovered();
    });

    private static HakmemOptions Hardened() => new() { Hardening = HardeningLevel.Full, SuperSlabCacheCount = 4, QuarantineBytes = 1 << 20 };

    private static HakmemOptions? Options(HardeningLevel level) => level switch
    {
        HardeningLevel.Full => Hardened(),
        HardeningLevel.Checked => new HakmemOptions { Hardening = level, SuperSlabCacheCount = 4 },
        _ => null,
    };

    private static int CallsOf(HakmemOptions? options)
    {
        using FaultyHeap heap = new(options);
        heap.Os.ForgetCalls();
        FaultScript.Run(heap);
        return heap.Os.Calls.Count;
    }

    private static void Run(int nth, HakmemOptions? options)
    {
        using FaultyHeap heap = new(options);
        heap.Os.RefuseNth(nth);
        try
        {
            FaultScript.Run(heap);
            heap.AssertRecovered();
        }
        catch (Exception failure)
        {
            throw new InvalidOperationException($"With call {nth} refused: {failure.Message}", failure);
        }
    }

    private static void RandomWork(FaultyHeap heap, Random random)
    {
        for (int step = 0; step < 1_500; step++)
        {
            nuint bytes = random.Next(20) == 0 ? (nuint)random.Next(1 << 20, 9 << 20) : BlockSizes.RandomSmall(random);
            bool isFull = heap.Ledger.UsableBytes > 60 << 20;
            switch (random.Next(10))
            {
                case < 4 when !isFull:
                    heap.Allocate(bytes);
                    break;
                case 4 when !isFull:
                    heap.AllocateZeroed(bytes);
                    break;
                case 5 when !isFull:
                    heap.AllocateAligned(bytes, (nuint)1 << random.Next(23));
                    break;
                case 6 when heap.Ledger.Count > 0 && !isFull:
                    heap.Resize(random.Next(heap.Ledger.Count), bytes);
                    break;
                case 7 when random.Next(10) == 0:
                    heap.Heap.Trim();
                    break;
                default:
                    if (heap.Ledger.Count > 0)
                    {
                        heap.Ledger.Free(random.Next(heap.Ledger.Count));
                    }

                    break;
            }
        }
    }

    // Each thread leaves the heap as it found it, whatever was refused.
    private static unsafe void ThreadWork(HakmemAllocator heap, Random random)
    {
        Block[] slots = new Block[64];
        for (int step = 0; step < 4_000; step++)
        {
            ref Block slot = ref slots[random.Next(slots.Length)];
            if (slot != default)
            {
                slot.VerifyAndFree(heap);
                slot = default;
            }
            else
            {
                nuint bytes = random.Next(100) == 0 ? (nuint)random.Next(1 << 20, 5 << 20) : BlockSizes.RandomSmall(random);
                slot = heap.TryAlloc(bytes, out void* pointer) ? Block.Filled(pointer, bytes, (uint)step) : default;
            }
        }

        foreach (Block block in slots)
        {
            if (block != default)
            {
                block.VerifyAndFree(heap);
            }
        }
    }
}
