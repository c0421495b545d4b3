using System;
using System.Buffers;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// Two threads dispose the same owners in the same order at the same moment: one of them returns each buffer. The
// threads live through all rounds and meet before each owner by spinning, so that they are within some nanoseconds of
// each other. A thread whose other has no processor just now goes on without it: it would wait for milliseconds.
[Category(TestCategory.Stress)]
public sealed class OwnerDisposeRaceTests : IDisposable
{
    private const int Batches = 400;
    private const int BatchSize = 1_000;

    // How long a thread waits for the other before an owner: far longer than it takes to be seen, and far less than a
    // time slice.
    private const int MostTurns = 500;

    // Who comes last sees the other at once, and is seen some time later. It waits for up to so many turns of a loop,
    // another number each time: one of them is that time.
    private const int MostTurnsBehind = 150;

    // The two words are on lines of their own.
    private const int Apart = 32;

    private readonly HakmemAllocator _heap = new();
    private readonly IMemoryOwner<byte>[] _owners = new IMemoryOwner<byte>[BatchSize];

    // How far each thread is: how many owners it has come to, and where a batch begins and ends one more. Written with
    // release by that thread, after _owners; read with acquire by the other.
    private readonly int[] _progress = new int[2 * Apart];

    public void Dispose() => _heap.Dispose();

    [Theory]
    [InlineData(false, LeakTracking.Off)]
    [InlineData(true, LeakTracking.Off)]
    [InlineData(false, LeakTracking.Count)]
    public void RacingDisposalsReturnTheBufferOnce(bool isShared, LeakTracking tracking)
    {
        NativeMemoryPoolOptions options = new() { RecycleOwners = true, LeakTracking = tracking };
        using NativeMemoryPool pool = new(isShared ? HakmemAllocator.Shared : _heap, options);
        Workers.Run(2, worker =>
        {
            for (int batch = 0; batch < Batches; batch++)
            {
                for (int i = 0; worker == 0 && i < BatchSize; i++)
                {
                    _owners[i] = pool.Rent(100);
                }

                Advance(worker);
                WaitForOther(worker);
                DisposeBatch(worker);
                Advance(worker);
                WaitForOther(worker);
            }
        });
        Assert.Equal(0, pool.GetStatistics().RentedCount);
        Assert.Equal(Batches * BatchSize, pool.GetStatistics().LateDisposeCount);
    }

    private void DisposeBatch(int worker)
    {
        for (int i = 0; i < BatchSize; i++)
        {
            int turns = MostTurns;
            for (int to = Advance(worker); ProgressOfOther(worker) < to && turns > 0;)
            {
                turns--;
            }

            for (int behind = turns == MostTurns ? i % MostTurnsBehind : 0; behind > 0; behind--)
            {
                _ = ProgressOfOther(worker);
            }

            // Where a buffer was returned twice, the figures show it at the end.
            _ = Record.Exception(_owners[i].Dispose);
        }
    }

    private int Advance(int worker)
    {
        int to = _progress[worker * Apart] + 1;
        Volatile.Write(ref _progress[worker * Apart], to);
        return to;
    }

    private int ProgressOfOther(int worker) => Volatile.Read(ref _progress[(1 - worker) * Apart]);

    private void WaitForOther(int worker)
    {
        while (ProgressOfOther(worker) < _progress[worker * Apart])
        {
            Thread.Yield();
        }
    }
}
