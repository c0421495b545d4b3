using System;
using System.Threading;
using Hakmem.Tests.Arenas;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Faults;

// A heap whose every n-th call to the operating system is refused, for suites that do not expect that: what fails is asked for
// again, as "the next success works" promises. Each failure must be an OutOfMemoryException and leave the heap usable.
//
// Disposing it is the audit: what the suite has freed must be there to give back, to the last byte and address.
internal sealed unsafe class RefusedAllocator : IHakmemAllocator, IDisposable
{
    // Enough for the largest of the suites' blocks several times over.
    private const long ArenaBytes = 1L << 30;

    // Beyond what any request needs: each try moves the count of calls on, so that one comes to lie between two refusals.
    private const int MaxTries = 50;

    private readonly TestArena _test = new(ArenaBytes);
    private readonly HakmemAllocator _heap;

    // Calls counted and refused: written and read under the lock of the memory.
    private int _calls;
    private int _refusals;

    public RefusedAllocator(int every)
    {
        _heap = new HakmemAllocator(new HakmemOptions { SuperSlabCacheCount = 4 }, _test.Arena);
        _test.Os.Refuse(_ =>
        {
            bool isRefused = ++_calls % every == 0;
            _refusals += isRefused ? 1 : 0;
            return isRefused;
        });
    }

    public void* Alloc(nuint byteCount) => (void*)Retry(() => (nint)_heap.Alloc(byteCount));

    public void* AllocZeroed(nuint byteCount) => (void*)Retry(() => (nint)_heap.AllocZeroed(byteCount));

    public void* AlignedAlloc(nuint byteCount, nuint alignment) => (void*)Retry(() => (nint)_heap.AlignedAlloc(byteCount, alignment));

    public void* Realloc(void* ptr, nuint byteCount)
    {
        nint old = (nint)ptr;
        return (void*)Retry(() => (nint)_heap.Realloc((void*)old, byteCount));
    }

    public void Free(void* ptr) => _heap.Free(ptr);

    public bool TryAlloc(nuint byteCount, out void* ptr)
    {
        for (int tries = 0; tries < MaxTries; tries++)
        {
            if (_heap.TryAlloc(byteCount, out ptr))
            {
                return true;
            }

            Assert.True(ptr is null);
        }

        ptr = null;
        return false;
    }

    public nuint UsableSize(void* ptr) => _heap.UsableSize(ptr);

    public bool Owns(void* ptr) => _heap.Owns(ptr);

    // A refused decommit leaves its SuperSlabs for the next trim.
    public void Trim()
    {
        _heap.Trim();
        for (int tries = 0; tries < MaxTries && _heap.GetStatistics() is { LiveBlocks: 0, CommittedBytes: > 0 }; tries++)
        {
            _heap.Trim();
        }
    }

    public HakmemStatistics GetStatistics() => _heap.GetStatistics();

    public void Dispose()
    {
        _test.Os.RefuseNone();
        Audit();
        _heap.Trim();
        Audit();
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(0, statistics.LiveBlocks);
        Assert.Equal(0, statistics.CachedBytes);
        Assert.Equal(0, statistics.CommittedBytes);
        Assert.Equal(0, _test.CommittedBytes);

        // No address was lost on the way.
        Assert.Equal(0, _test.Arena.TryTake(_test.Arena.SlabCount, 1));
        _test.Arena.Return(0, _test.Arena.SlabCount);
        _heap.Dispose();
        _test.Dispose();
        TestContext.Current.TestOutputHelper?.WriteLine($"{_refusals} of {_calls} calls refused");
    }

    private void Audit()
    {
        HakmemStatistics statistics = _heap.GetStatistics();
        ArenaAudit.Check(_test.Arena, statistics);
        Assert.Equal(_test.CommittedBytes, statistics.CommittedBytes);
    }

    private static nint Retry(Func<nint> call)
    {
        for (int tries = 1; ; tries++)
        {
            try
            {
                return call();
            }
            catch (OutOfMemoryException) when (tries < MaxTries)
            {
                Thread.Yield();
            }
        }
    }
}
