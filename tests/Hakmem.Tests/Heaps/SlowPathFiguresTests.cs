using System;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Small;
using Xunit;

namespace Hakmem.Tests.Heaps;

// The figures of slow paths: system calls, exchanges with depots, reports of misuse.
public sealed unsafe class SlowPathFiguresTests : IDisposable
{
    private const int Bytes = 64;

    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void CommittingAndReturningMemoryAreSystemCalls()
    {
        HakmemStatistics before = _heap.GetStatistics();
        void* block = _heap.Alloc(8 << 20);
        HakmemStatistics taken = _heap.GetStatistics();
        Assert.True(taken.SystemCalls > before.SystemCalls);
        Assert.True(taken.SystemCallTime > before.SystemCallTime);
        _heap.Free(block);
        _heap.Trim();
        Assert.True(_heap.GetStatistics().SystemCalls > taken.SystemCalls);
    }

    [Fact]
    public void EveryCallThatChangesMemoryIsCountedAndPassedOn()
    {
        TimedMemory memory = new(OsMemory.CreateForCurrentSystem());
        nuint page = memory.PageSize;
        long calls = 0;
        byte* range = memory.TryReserve(4 * page);
        Assert.True(range != null);
        Counts(true);
        Counts(memory.TryCommit(range, 2 * page));
        range[0] = 1;
        Counts(memory.TryPrefault(range, page, PrefaultMode.Touch));
        Counts(memory.TryProtect(range, page));
        Counts(memory.TryUnprotect(range, page));
        Assert.Equal(1, range[0]);
        Counts(memory.TryReset(range, page));
        Counts(memory.TryDecommit(range, 2 * page));
        Counts(memory.TryMakeReadable(range, page));
        Counts(memory.TryRelease(range, 4 * page));
        Assert.True(memory.CallFigures.Ticks > 0);

        void Counts(bool isDone)
        {
            Assert.True(isDone);
            Assert.Equal(++calls, memory.CallFigures.Count);
        }
    }

    // A thread's cache of this class has two magazines, so more blocks than these hold are exchanged.
    [Fact]
    public void ExchangesWithDepotsAreCounted()
    {
        nint[] blocks = new nint[2_000];
        HakmemStatistics before = _heap.GetStatistics();
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = (nint)_heap.Alloc(Bytes);
        }

        HakmemStatistics taken = _heap.GetStatistics();
        Assert.InRange(taken.DepotExchanges - before.DepotExchanges, 2_000 / 253, 2_000);
        foreach (nint block in blocks)
        {
            _heap.Free((void*)block);
        }

        Assert.InRange(_heap.GetStatistics().DepotExchanges - taken.DepotExchanges, 5, 2_000);
        HakmemStatistics after = _heap.GetStatistics();
        Assert.InRange(after.DepotWaits, 0, after.DepotExchanges);
    }

    [Fact]
    public void AnExchangeThatMeetsAnotherThreadHasWaited()
    {
        DepotStripe stripe = DepotStripe.Create(new MetadataAllocator(OsMemory.CreateForCurrentSystem()));
        Thread other = new(() => stripe.EnterToExchange().Dispose());
        using (stripe.EnterToExchange())
        {
            other.Start();
            SpinWait.SpinUntil(() => stripe.Lock.IsWaitedFor);
        }

        other.Join();
        Assert.Equal((2, 1), stripe.Figures);
    }

    [Fact]
    public void AReportOfMisuseIsCounted()
    {
        void* block = _heap.Alloc(Bytes);
        _heap.Free(block);
        long before = _heap.GetStatistics().CorruptionReports;
        Assert.Throws<HakmemCorruptionException>(() => _heap.Free(block));
        Assert.True(_heap.GetStatistics().CorruptionReports > before);
    }
}
