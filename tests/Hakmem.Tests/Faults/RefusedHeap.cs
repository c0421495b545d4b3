using System;
using System.Collections.Generic;
using Hakmem.Os;
using Hakmem.Reclaim;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Faults;

// A heap some of whose system calls are refused at any moment, by chance, as the suites that know nothing of it may use it: a call that ends in
// OutOfMemoryException, something having been refused meanwhile, is made again. One that ends so without a refusal is the caller's to hear of.
//
// Disposing it ends the refusals and audits what they have left. Thread-safe as the heap is.
internal sealed unsafe class RefusedHeap : IHakmemAllocator, IDisposable
{
    // Half of the calls refused is the worst, and a step takes some ten of them: only what never succeeds gets there.
    private const int MaxTries = 50_000;

    private const long ArenaBytes = 8L << 30;
    private const int CallsEach = 50;

    private static readonly IReadOnlyList<int> s_oneIn = [2, 3, 5, 7, 11, 17, 31];

    private readonly TestArena _test;
    private readonly HakmemAllocator _heap;
    private readonly int _seed;

    // real: the memory whose calls are refused; null for that of this run.
    public RefusedHeap(HardeningLevel level, OsMemory? real = null)
    {
        _test = new TestArena(ArenaBytes, real);

        // The limits and the decay act within a short test, so that what they ask for is refused too.
        HakmemOptions options = new()
        {
            Hardening = level,
            SuperSlabCacheCount = 4,
            PurgeDelay = TimeSpan.FromMilliseconds(40),
            SuperSlabCacheTtl = TimeSpan.FromMilliseconds(200),
        };
        _heap = new HakmemAllocator(options, _test.Arena,
            new DecayTimer(TimeProvider.System, () => false, observesCollections: false));
        _seed = Seeded.Draw();
        TestContext.Current.TestOutputHelper?.WriteLine($"Calls are refused by {Seeded.SeedVariable}={_seed}.");
        Refuse();
    }

    // How many system calls have been refused so far.
    public long Refusals => _test.Os.Refusals;

    public void* Alloc(nuint byteCount)
    {
        void* block = null;
        Insist(() => block = _heap.Alloc(byteCount));
        return block;
    }

    public void* AllocZeroed(nuint byteCount)
    {
        void* block = null;
        Insist(() => block = _heap.AllocZeroed(byteCount));
        return block;
    }

    public void* AlignedAlloc(nuint byteCount, nuint alignment)
    {
        void* block = null;
        Insist(() => block = _heap.AlignedAlloc(byteCount, alignment));
        return block;
    }

    public void* Realloc(void* ptr, nuint byteCount)
    {
        void* block = null;
        Insist(() => block = _heap.Realloc(ptr, byteCount));
        return block;
    }

    public bool TryAlloc(nuint byteCount, out void* ptr)
    {
        void* block = null;
        bool isDone = Retry(() => _heap.TryAlloc(byteCount, out block));
        ptr = block;
        return isDone;
    }

    public void* Realloc(void* ptr, nuint byteCount, nuint alignment)
    {
        void* block = null;
        Insist(() => block = _heap.Realloc(ptr, byteCount, alignment));
        return block;
    }

    public void* AllocAtLeast(nuint byteCount, out nuint usable)
    {
        void* block = null;
        nuint bytes = 0;
        Insist(() => block = _heap.AllocAtLeast(byteCount, out bytes));
        usable = bytes;
        return block;
    }

    public bool TryAllocZeroed(nuint byteCount, out void* ptr)
    {
        void* block = null;
        bool isDone = Retry(() => _heap.TryAllocZeroed(byteCount, out block));
        ptr = block;
        return isDone;
    }

    public bool TryAlignedAlloc(nuint byteCount, nuint alignment, out void* ptr)
    {
        void* block = null;
        bool isDone = Retry(() => _heap.TryAlignedAlloc(byteCount, alignment, out block));
        ptr = block;
        return isDone;
    }

    public bool TryRealloc(ref void* ptr, nuint byteCount)
    {
        void* block = ptr;
        bool isDone = Retry(() => _heap.TryRealloc(ref block, byteCount));
        ptr = block;
        return isDone;
    }

    // Not made again: it may be refused in place for good, and a refusal meanwhile may be another thread's.
    public bool TryExpand(void* ptr, nuint byteCount) => _heap.TryExpand(ptr, byteCount);

    public nuint GoodSize(nuint byteCount) => _heap.GoodSize(byteCount);

    public void Free(void* ptr, nuint byteCount) => _heap.Free(ptr, byteCount);

    public void Free(void* ptr) => _heap.Free(ptr);

    public nuint UsableSize(void* ptr) => _heap.UsableSize(ptr);

    public bool Owns(void* ptr) => _heap.Owns(ptr);

    public void Trim() => _heap.Trim();

    public HakmemStatistics GetStatistics() => _heap.GetStatistics();

    public HakmemHeapMap GetHeapMap() => _heap.GetHeapMap();

    public HakmemVerification Verify() => _heap.Verify();

    // Refuses nothing while the audit runs, which is to find nothing left of a heap without live blocks, and every record in order.
    public void AuditEmpty(Action audit)
    {
        _test.Os.RefuseNone();

        // Another thread's, which is dead then, after what this one still has.
        _heap.Trim();
        Workers.RunOne(_heap.Trim);
        audit();
        HakmemStatistics statistics = _heap.GetStatistics();
        ArenaAudit.Check(_heap);
        Assert.Equal(0, statistics.LiveBlocks);
        Assert.Equal(0, statistics.LiveBytes);
        Assert.Equal(0, statistics.CachedBytes);
        Assert.Equal(0, statistics.CommittedBytes);
        Assert.Equal(0, _test.CommittedBytes);
        _test.Os.AssertNoViolation();
        Refuse();
    }

    public void Dispose()
    {
        try
        {
            AuditEmpty(() => HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0));

            // No address was lost on the way.
            _test.Os.RefuseNone();
            Assert.Equal(0, _test.Arena.TryTake(_test.Arena.SlabCount, 1));
        }
        finally
        {
            _heap.Dispose();
            _test.Dispose();
        }
    }

    private void Refuse() => _test.Os.RefuseAtRandom(_seed, s_oneIn, CallsEach);

    // The same for a step that says by its result that there is no room.
    private bool Retry(Func<bool> step)
    {
        long refusals;
        int tries = 0;
        do
        {
            refusals = _test.Os.Refusals;
            if (step())
            {
                return true;
            }
        }
        while (_test.Os.Refusals != refusals && ++tries < MaxTries);

        return false;
    }

    private void Insist(Action step)
    {
        for (int tries = 1; ; tries++)
        {
            long refusals = _test.Os.Refusals;
            try
            {
                step();
                return;
            }
            catch (OutOfMemoryException) when (_test.Os.Refusals != refusals && tries < MaxTries)
            {
                // Legal, and to be tried again.
            }
        }
    }
}
