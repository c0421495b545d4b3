using System;
using Hakmem.Heaps;
using Hakmem.Pages;
using Hakmem.Reclaim;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Faults;

// A heap alone in an arena over memory whose calls can be refused, beside the ledger of what must be live in it. Every step survives a
// refusal: it happens, or it fails cleanly and the ledger stands as it was.
internal sealed unsafe class FaultyHeap : IDisposable
{
    private readonly TestArena _test = new();

    // The time stands still unless it is moved.
    public FaultyHeap(HakmemOptions? options = null)
    {
        // Small enough that the limits act within a short test.
        Timer = new DecayTimer(Time, () => false, observesCollections: false);
        Heap = new HakmemAllocator(options ?? new HakmemOptions { SuperSlabCacheCount = 4 }, _test.Arena, Timer);
        Ledger = new BlockLedger(Heap);
    }

    public ManualTime Time { get; } = new();

    public DecayTimer Timer { get; }

    public HakmemAllocator Heap { get; }

    public BlockLedger Ledger { get; }

    public FaultyMemory Os => _test.Os;

    public Hakmem.Pages.Arena Arena => _test.Arena;

    public long CommittedBytes => _test.CommittedBytes;

    // Steps that ended in a refusal.
    public int Refusals { get; private set; }

    public void Allocate(nuint bytes)
    {
        if (Heap.TryAlloc(bytes, out void* pointer))
        {
            Ledger.Add(pointer, bytes);
        }
        else
        {
            Assert.True(pointer is null);
            Refusals++;
        }
    }

    public void AllocateZeroed(nuint bytes) => Try(() => Ledger.AllocateZeroed(bytes));

    public void AllocateAligned(nuint bytes, nuint alignment) => Try(() => Ledger.AllocateAligned(bytes, alignment));

    public void Resize(int index, nuint bytes)
    {
        Block old = Ledger.Remove(index);
        try
        {
            void* moved = Heap.Realloc(old.Pointer, bytes);
            Pattern.Verify(moved, nuint.Min(old.Bytes, bytes), old.Seed);
            Ledger.Add(moved, bytes);
        }
        catch (OutOfMemoryException)
        {
            // The old block is still there, with what it held. It may have been made larger on the way.
            Refusals++;
            old.Verify();
            Assert.True(Heap.UsableSize(old.Pointer) >= old.Bytes);
            Ledger.Add(old.Pointer, old.Bytes);
        }
    }

    // All books: the ledger's, the heap's statistics, its records, and the operating system's side.
    public void Check()
    {
        Ledger.AssertStatisticsMatch();
        ArenaAudit.Check(Heap);
        Assert.Equal(CommittedBytes, Heap.GetStatistics().CommittedBytes);
        Os.AssertNoViolation();
    }

    // After the last refusal everything works, and everything can be given back.
    public void AssertRecovered(int lostSlabs = 0)
    {
        Os.RefuseNone();
        Ledger.VerifyAll();
        Check();
        HeapHealth.AssertWorks(Heap, Ledger.Count);
        Check();
        Ledger.FreeAll();
        Workers.RunOne(Heap.Trim);
        Heap.Trim();
        Check();
        HakmemStatistics statistics = Heap.GetStatistics();
        Assert.Equal(0, statistics.LiveBlocks);
        Assert.Equal(0, statistics.CachedBytes);
        Assert.Equal(0, statistics.CommittedBytes);
        Assert.Equal(0, CommittedBytes);

        // No address was lost on the way, but for SuperSlabs that somebody else has.
        Assert.Equal((long)lostSlabs << Geometry.SlabShift, Arena.TakenBytes);
        if (lostSlabs == 0)
        {
            Assert.Equal(0, Arena.TryTake(Arena.SlabCount, 1));
            Arena.Return(0, Arena.SlabCount);
        }
    }

    public void Dispose()
    {
        Heap.Dispose();
        _test.Dispose();
    }

    private void Try(Action step)
    {
        try
        {
            step();
        }
        catch (OutOfMemoryException)
        {
            Refusals++;
        }
    }
}
