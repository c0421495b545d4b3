using System;
using System.Threading;
using Hakmem.Reclaim;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reclaim;

// Exceptions in runs. The manual clock runs them on the test's thread, so that an exception that escapes fails the
// test; on a pool thread it would end the process.
public sealed unsafe class FailedRunTests
{
    private const long Ages = 3L * 24 * 3_600_000;

    private readonly ManualTime _time = new();
    private readonly DecayTimer _timer;
    private Func<bool> _isMemoryShort = () => false;

    public FailedRunTests() => _timer = new DecayTimer(_time, () => _isMemoryShort(), observesCollections: false);

    [Fact]
    public void RunThatThrowsIsCountedAndOthersGoOn()
    {
        ScriptedHeap failing = new(_timer) { OnRun = () => throw new NotSupportedException("for once") };
        ScriptedHeap other = new(_timer);
        failing.NotifyUsed();
        other.NotifyUsed();
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(1, failing.FailedRuns);
        Assert.Equal("for once", Assert.IsType<NotSupportedException>(failing.LastFailure).Message);
        Assert.Equal(1, other.Runs);
        Assert.Equal(0, other.FailedRuns);
        Assert.True(_timer.IsArmed);

        failing.OnRun = null;
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(2, failing.Runs);
        Assert.Equal(1, failing.FailedRuns);
        failing.NotifyUsed();
        other.NotifyUsed();
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(3, failing.Runs);
        Assert.True(failing.WasUsed);
        Assert.True(other.WasUsed);
        _time.Advance(Ages);
        Assert.False(_timer.IsArmed);
    }

    [Fact]
    public void HeapWhoseRunsAllFailIsRunEverLess()
    {
        ScriptedHeap failing = new(_timer) { OnRun = () => throw new NotSupportedException() };
        failing.NotifyUsed();
        _time.Advance(Ages);

        // After 1, 2, 4 ... 256 intervals, and then every 256.
        long expected = 9 + ((Ages / ScriptedHeap.Interval) - 511) / 256;
        Assert.InRange(failing.Runs, expected - 2, expected + 2);
        Assert.Equal(failing.Runs, failing.FailedRuns);
        Assert.InRange(_timer.Ticks, 1, failing.Runs + 1);

        // It is in use, so that it is looked at once an interval, and no more often.
        int before = failing.Runs;
        for (int i = 0; i < 1_000; i++)
        {
            failing.NotifyUsed();
            _time.Advance(ScriptedHeap.Interval / 10);
        }

        Assert.InRange(failing.Runs - before, 2, 101);
    }

    [Fact]
    public void StaleInterruptEndsOneRun()
    {
        ScriptedHeap heap = new(_timer) { OnRun = () => Thread.Sleep(0) };
        heap.NotifyUsed();
        Workers.RunOne(() =>
        {
            Thread.CurrentThread.Interrupt();
            _time.Advance(ScriptedHeap.Interval);
        });
        Assert.IsType<ThreadInterruptedException>(heap.LastFailure);
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(2, heap.Runs);
        Assert.Equal(1, heap.FailedRuns);
    }

    [Fact]
    public void UnknownMemoryPressureIsCountedAndRunsGoOn()
    {
        _isMemoryShort = () => throw new UnauthorizedAccessException();
        ScriptedHeap[] heaps = [new(_timer), new(_timer)];
        foreach (ScriptedHeap heap in heaps)
        {
            heap.NotifyUsed();
        }

        _time.Advance(ScriptedHeap.Interval);
        Assert.All(heaps, heap => Assert.True(heap.WasUsed));
        Assert.All(heaps, heap => Assert.IsType<UnauthorizedAccessException>(heap.LastFailure));
        Assert.All(heaps, heap => Assert.Equal(1, heap.FailedRuns));
    }

    [Fact]
    public void HeapUnregisteredInItsFailingRunIsNotListed()
    {
        ScriptedHeap heap = new(_timer);
        heap.OnRun = () =>
        {
            heap.Gone();
            throw new NotSupportedException();
        };
        heap.NotifyUsed();
        _time.Advance(Ages);
        Assert.Equal(1, heap.Runs);
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
