using System;
using System.Threading;
using Hakmem.Reclaim;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reclaim;

// Exceptions in looks. The manual clock runs them on the test's thread, so that one that gets out fails the test; on a
// pool thread it would end the process.
public sealed unsafe class FailedLookTests
{
    private const long Ages = 3L * 24 * 3_600_000;

    private readonly ManualTime _time = new();
    private readonly DecayTimer _timer;
    private Func<bool> _isMemoryShort = () => false;

    public FailedLookTests() => _timer = new DecayTimer(_time, () => _isMemoryShort(), observesCollections: false);

    [Fact]
    public void ALookThatThrowsIsCountedAndLooksGoOn()
    {
        ScriptedHeap failing = new(_timer) { OnLook = () => throw new NotSupportedException("for once") };
        ScriptedHeap other = new(_timer);
        failing.NotifyUsed();
        other.NotifyUsed();
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(1, failing.FailedRuns);
        Assert.Equal("for once", Assert.IsType<NotSupportedException>(failing.LastFailure).Message);
        Assert.Equal(1, other.Looks);
        Assert.Equal(0, other.FailedRuns);
        Assert.True(_timer.IsArmed);

        failing.OnLook = null;
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(2, failing.Looks);
        Assert.Equal(1, failing.FailedRuns);
        failing.NotifyUsed();
        other.NotifyUsed();
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(3, failing.Looks);
        Assert.True(failing.WasTouched);
        Assert.True(other.WasTouched);
        _time.Advance(Ages);
        Assert.False(_timer.IsArmed);
    }

    [Fact]
    public void AHeapWhoseLooksAllFailIsLookedAtEverLess()
    {
        ScriptedHeap failing = new(_timer) { OnLook = () => throw new NotSupportedException() };
        failing.NotifyUsed();
        _time.Advance(Ages);

        // After 1, 2, 4 ... 256 intervals, and then every 256.
        long expected = 9 + ((Ages / ScriptedHeap.Interval) - 511) / 256;
        Assert.InRange(failing.Looks, expected - 2, expected + 2);
        Assert.Equal(failing.Looks, failing.FailedRuns);
        Assert.InRange(_timer.Ticks, 1, failing.Looks + 1);

        // It is in use, so that it is looked at once an interval, and no more often.
        int before = failing.Looks;
        for (int i = 0; i < 1_000; i++)
        {
            failing.NotifyUsed();
            _time.Advance(ScriptedHeap.Interval / 10);
        }

        Assert.InRange(failing.Looks - before, 2, 101);
    }

    [Fact]
    public void AStaleInterruptEndsOneLook()
    {
        ScriptedHeap heap = new(_timer) { OnLook = () => Thread.Sleep(0) };
        heap.NotifyUsed();
        Workers.RunOne(() =>
        {
            Thread.CurrentThread.Interrupt();
            _time.Advance(ScriptedHeap.Interval);
        });
        Assert.IsType<ThreadInterruptedException>(heap.LastFailure);
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(2, heap.Looks);
        Assert.Equal(1, heap.FailedRuns);
    }

    [Fact]
    public void UnknownMemoryPressureIsCountedAndLooksGoOn()
    {
        _isMemoryShort = () => throw new UnauthorizedAccessException();
        ScriptedHeap[] heaps = [new(_timer), new(_timer)];
        foreach (ScriptedHeap heap in heaps)
        {
            heap.NotifyUsed();
        }

        _time.Advance(ScriptedHeap.Interval);
        Assert.All(heaps, heap => Assert.True(heap.WasTouched));
        Assert.All(heaps, heap => Assert.IsType<UnauthorizedAccessException>(heap.LastFailure));
        Assert.All(heaps, heap => Assert.Equal(1, heap.FailedRuns));
    }

    [Fact]
    public void AHeapThatLeavesInItsFailingLookIsNotListed()
    {
        ScriptedHeap heap = new(_timer);
        heap.OnLook = () =>
        {
            heap.Gone();
            throw new NotSupportedException();
        };
        heap.NotifyUsed();
        _time.Advance(Ages);
        Assert.Equal(1, heap.Looks);
        Assert.False(_timer.IsArmed);
    }

    // A purge takes memory out of all lists while the system has it.
    [Theory]
    [InlineData(64)]
    [InlineData(2 << 20)]
    public void AnExceptionWhilePurgingLosesNoMemory(int size)
    {
        using TestArena test = new();
        HakmemOptions options = new() { PurgeDelay = TimeSpan.FromSeconds(1), SuperSlabCacheTtl = TimeSpan.FromSeconds(10) };
        using HakmemAllocator heap = new(options, test.Arena, _timer);
        int failures = 0;
        Workers.RunOne(() =>
        {
            void* kept = heap.Alloc(64);
            void*[] blocks = new void*[(8 << 20) / size];
            for (int i = 0; i < blocks.Length; i++)
            {
                blocks[i] = heap.Alloc((nuint)size);
                *(byte*)blocks[i] = 1;
            }

            foreach (void* block in blocks)
            {
                heap.Free(block);
            }

            test.Os.Refuse(call => call is OsCall.Discard or OsCall.Decommit && failures++ < 4 ? throw new NotSupportedException("purge") : false);
            _time.Advance(Ages);
            HakmemStatistics statistics = heap.GetStatistics();
            Assert.Equal(4, statistics.FailedDecayPasses);
            Assert.Equal("purge", statistics.LastDecayFailure?.Message);
            Assert.Contains("4 decay passes", statistics.ToString(), StringComparison.Ordinal);
            heap.Free(kept);
        });
        _time.Advance(Ages);
        Assert.Equal(0, heap.GetStatistics().CommittedBytes);
        Assert.Equal(0, test.CommittedBytes);
    }
}
