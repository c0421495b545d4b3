using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Traces.Replay;

/// <summary>
/// Replays a plan, with a real thread for each of the trace's. All threads start together, and each ends after its last
/// event. Where two threads use one block, the later event waits for the earlier one. Two forms:
/// <see cref="RunFast{T, TUse}"/> keeps no other order, and <see cref="RunInOrder{T, TUse}"/> has all threads wait for
/// each other after each segment of the trace, so that no more is live than was in the program, give or take a segment.
/// </summary>
/// <remarks>
/// Shared: the table of addresses, in which the thread of a block's event writes the block's place; who reads a place
/// that another thread wrote has waited for its step. The steps: written with release by a thread that publishes, read
/// with acquire by the one that waits. No cycle of waits: a thread waits only for events that are earlier in the trace.
/// </remarks>
internal sealed unsafe class ReplayPass : IDisposable
{
    // Short enough that the loop is called often, and so gets its final code during warming up.
    private const int OperationsPerCall = 256;

    // A real-time thread that only yields keeps others from running that have a lower priority, for ever.
    private const int SpinsBeforeSleeping = 1_000;

    private readonly ReplayPlan _plan;
    private readonly void** _blocks;
    private readonly int[] _steps;

    // Set by a thread that fails: nobody may wait for it.
    private volatile bool _hasFailed;

    /// <summary>Makes the tables for a plan.</summary>
    public ReplayPass(ReplayPlan plan)
    {
        _plan = plan;
        _blocks = PointerTable.Rent(Math.Max(1, plan.SlotCount));
        _steps = new int[plan.SharedSlotCount];

        // Their own pages are not the allocator's.
        new Span<nint>(_blocks, plan.SlotCount).Fill(1);
        _steps.AsSpan().Fill(1);
    }

    /// <summary>Makes ready for one more replay.</summary>
    public void Reset()
    {
        _steps.AsSpan().Clear();
        _hasFailed = false;
    }

    /// <summary>Replays as fast as the threads go.</summary>
    /// <returns>How many operations that were, with the frees of what is left at the end.</returns>
    public long RunFast<T, TUse>()
        where T : struct, IAllocatorSubject
        where TUse : struct, IBlockUse
    {
        RunThreads(thread => RunUntil<T, TUse>(thread, 0, thread.OperationCount));
        return _plan.EventCount + FreeLeft<T>();
    }

    /// <summary>Replays in the order of the segments.</summary>
    /// <param name="onQuiet">Called where the program paused, with the number of that point, while no thread
    /// works.</param>
    /// <returns>How many operations that were.</returns>
    public long RunInOrder<T, TUse>(Action<int> onQuiet)
        where T : struct, IAllocatorSubject
        where TUse : struct, IBlockUse
    {
        Dictionary<int, int> quietOf = [];
        for (int i = 0; i < _plan.QuietSegments.Count; i++)
        {
            quietOf.Add(_plan.QuietSegments[i], i);
        }

        using Barrier barrier = new(_plan.Threads.Count, phase =>
        {
            if (!_hasFailed && quietOf.TryGetValue((int)phase.CurrentPhaseNumber, out int quiet))
            {
                onQuiet(quiet);
            }
        });
        RunThreads(thread => RunSegments<T, TUse>(thread, barrier));
        return _plan.EventCount + FreeLeft<T>();
    }

    /// <inheritdoc/>
    public void Dispose() => PointerTable.Return(_blocks);

    private void RunSegments<T, TUse>(ReplayThread thread, Barrier barrier)
        where T : struct, IAllocatorSubject
        where TUse : struct, IBlockUse
    {
        try
        {
            int start = 0;
            foreach (int end in thread.SegmentEnds)
            {
                RunUntil<T, TUse>(thread, start, end);
                start = end;
                if (end < thread.OperationCount)
                {
                    barrier.SignalAndWait();
                }
            }
        }
        finally
        {
            barrier.RemoveParticipant();
        }
    }

    private void RunUntil<T, TUse>(ReplayThread thread, int start, int end)
        where T : struct, IAllocatorSubject
        where TUse : struct, IBlockUse
    {
        while (start < end)
        {
            int next = Math.Min(end, start + OperationsPerCall);
            Run<T, TUse>(thread.Operations + start, thread.Operations + next);
            start = next;
        }
    }

    private void Run<T, TUse>(ReplayOperation* operation, ReplayOperation* end)
        where T : struct, IAllocatorSubject
        where TUse : struct, IBlockUse
    {
        void** blocks = _blocks;
        for (; operation < end; operation++)
        {
            if (operation->Waits)
            {
                WaitFor(ref _steps[operation->Slot], operation->Step);
            }

            void** place = blocks + operation->Slot;
            switch (operation->Kind)
            {
                case TraceEventKind.Allocate:
                    *place = T.Alloc(operation->ByteCount);
                    TUse.Allocated(*place, Usable<T>(operation->ByteCount), isZeroed: false);
                    break;
                case TraceEventKind.AllocateZeroed:
                    *place = T.AllocZeroed(operation->ByteCount);
                    TUse.Allocated(*place, Usable<T>(operation->ByteCount), isZeroed: true);
                    break;
                case TraceEventKind.Resize:
                    TUse.Leaving(*place, operation->OldByteCount);
                    *place = T.Realloc(*place, operation->ByteCount);
                    TUse.Resized(*place, operation->OldByteCount, Usable<T>(operation->ByteCount));
                    break;
                default:
                    TUse.Leaving(*place, operation->OldByteCount);
                    T.Free(*place);
                    break;
            }

            if (operation->Publishes)
            {
                Volatile.Write(ref _steps[operation->Slot], operation->Step + 1);
            }
        }
    }

    // A constant for all subjects but the empty loop, whose one buffer has an end.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint Usable<T>(nuint byteCount)
        where T : struct, IAllocatorSubject =>
        typeof(T) == typeof(NullSubject) ? nuint.Min(byteCount, NullSubject.MaximumBlockBytes) : byteCount;

    private void WaitFor(ref int steps, int step)
    {
        SpinWait spin = default;
        while (Volatile.Read(ref steps) != step)
        {
            if (_hasFailed)
            {
                throw new OperationCanceledException("Another thread of the replay failed.");
            }

            spin.SpinOnce(SpinsBeforeSleeping);
        }
    }

    // None begins before all have been started: what starts them may have a lower priority than those that run.
    private void RunThreads(Action<ReplayThread> work)
    {
        using Barrier start = new(_plan.Threads.Count);
        Crew.Run(_plan.Threads.Count, index =>
        {
            bool isDone = false;
            try
            {
                start.SignalAndWait();
                work(_plan.Threads[index]);
                isDone = true;
            }
            finally
            {
                _hasFailed |= !isDone;
            }
        });
    }

    // As the program's end did.
    private int FreeLeft<T>()
        where T : struct, IAllocatorSubject
    {
        foreach (uint slot in _plan.LeftSlots)
        {
            T.Free(_blocks[slot]);
        }

        return _plan.LeftSlots.Count;
    }
}
