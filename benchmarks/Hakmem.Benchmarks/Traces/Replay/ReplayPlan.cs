using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem.Benchmarks.Traces.Replay;

/// <summary>
/// A trace made ready to be replayed: each thread's operations, and where the addresses of the blocks are kept.
/// </summary>
/// <remarks>
/// The table of addresses has a part for the blocks that several threads use, in which no place is used again, and one
/// part for each thread's own blocks, in which a place is used again as soon as its block is freed: so the table is as
/// large as what is live, as a program's own variables are, and threads do not write to each other's cache lines.
/// </remarks>
internal sealed class ReplayPlan
{
    /// <summary>The events of a segment. In a replay in order, threads wait for each other after each.</summary>
    public const int SegmentEvents = 1024;

    /// <summary>The most pauses that are looked at: each takes time.</summary>
    public const int MaximumQuietPoints = 4;

    /// <summary>
    /// The fewest live bytes of a pause that is looked at: with less, the runtime's own memory is what is seen.
    /// </summary>
    public const long LeastQuietLiveBytes = 1 << 20;

    // Places of 8 bytes in two cache lines, which the processor may fetch as a pair.
    private const int PartAlignment = 16;

    /// <summary>Makes a plan.</summary>
    public ReplayPlan(Trace trace)
    {
        EventCount = trace.Events.Length;
        (int End, long LiveBytes)[] quietPoints = FindQuietPoints(trace);
        int[] quiet = [.. quietPoints.Select(point => point.End)];
        QuietLiveBytes = [.. quietPoints.Select(point => point.LiveBytes)];
        int[] ends = [.. Enumerable.Range(1, EventCount / SegmentEvents).Select(i => i * SegmentEvents)
            .Concat(quiet).Append(EventCount).Distinct().Order()];
        QuietSegments = [.. quiet.Select(end => Array.IndexOf(ends, end))];

        BlockOrder[] orders = Orders(trace, out bool[] isShared);
        uint[] slots = Slots(trace, isShared, out int sharedCount, out int slotCount);
        SharedSlotCount = sharedCount;
        SlotCount = slotCount;
        Threads = CreateThreads(trace, orders, slots, ends);
        LeftSlots = Left(trace, slots);
    }

    /// <summary>How many events there are.</summary>
    public int EventCount { get; }

    /// <summary>The threads.</summary>
    public IReadOnlyList<ReplayThread> Threads { get; }

    /// <summary>How many places the table of addresses has.</summary>
    public int SlotCount { get; }

    /// <summary>The first places, of blocks that several threads use.</summary>
    public int SharedSlotCount { get; }

    /// <summary>Where the blocks are that live at the end: the program's end frees them.</summary>
    public IReadOnlyList<uint> LeftSlots { get; }

    /// <summary>The segments that end where the program paused.</summary>
    public IReadOnlyList<int> QuietSegments { get; }

    /// <summary>The bytes that were live at each of these.</summary>
    public IReadOnlyList<long> QuietLiveBytes { get; }

    private static (int End, long LiveBytes)[] FindQuietPoints(Trace trace)
    {
        long[] sizes = new long[trace.BlockCount];
        long[] liveBytes = new long[trace.Events.Length + 1];
        for (int i = 0; i < trace.Events.Length; i++)
        {
            TraceEvent entry = trace.Events[i];
            liveBytes[i + 1] = liveBytes[i] + entry.ByteCount - sizes[entry.Block];
            sizes[entry.Block] = entry.ByteCount;
        }

        (int End, long LiveBytes)[] all = [.. QuietPoints.Find(trace.Events).Select(end => (end, liveBytes[end]))
            .Where(point => point.Item2 >= LeastQuietLiveBytes)];
        int step = (all.Length + MaximumQuietPoints - 1) / MaximumQuietPoints;
        return [.. all.Where((_, i) => i % Math.Max(1, step) == 0)];
    }

    private static BlockOrder[] Orders(Trace trace, out bool[] isShared)
    {
        ReadOnlySpan<TraceEvent> events = trace.Events;
        BlockOrder[] orders = new BlockOrder[events.Length];
        isShared = new bool[trace.BlockCount];
        int[] lastEvent = new int[trace.BlockCount];
        for (int i = 0; i < events.Length; i++)
        {
            int block = events[i].Block;
            if (!events[i].IsAllocation)
            {
                int before = lastEvent[block];
                bool isOthers = events[before].Thread != events[i].Thread;
                isShared[block] |= isOthers;
                orders[before] = orders[before] with { Publishes = isOthers };
                orders[i] = new BlockOrder(orders[before].Step + 1, Waits: isOthers, Publishes: false);
            }

            lastEvent[block] = i;
        }

        return orders;
    }

    // The place of each block.
    private static uint[] Slots(Trace trace, bool[] isShared, out int sharedCount, out int slotCount)
    {
        uint[] slots = new uint[trace.BlockCount];
        Stack<uint>[] free = [.. Enumerable.Range(0, trace.ThreadCount).Select(_ => new Stack<uint>())];
        uint[] counts = new uint[trace.ThreadCount];
        uint[] owners = new uint[trace.BlockCount];
        uint shared = 0;
        foreach (TraceEvent entry in trace.Events)
        {
            int thread = entry.Thread;
            owners[entry.Block] = (uint)thread;
            if (isShared[entry.Block])
            {
                slots[entry.Block] = entry.IsAllocation ? shared++ : slots[entry.Block];
            }
            else if (entry.IsAllocation)
            {
                slots[entry.Block] = free[thread].TryPop(out uint slot) ? slot : counts[thread]++;
            }
            else if (entry.Kind == TraceEventKind.Free)
            {
                free[thread].Push(slots[entry.Block]);
            }
        }

        uint[] starts = new uint[trace.ThreadCount];
        uint end = shared;
        for (int thread = 0; thread < starts.Length; thread++)
        {
            starts[thread] = (end + PartAlignment - 1) / PartAlignment * PartAlignment;
            end = starts[thread] + counts[thread];
        }

        for (int block = 0; block < slots.Length; block++)
        {
            slots[block] += isShared[block] ? 0 : starts[owners[block]];
        }

        sharedCount = (int)shared;
        slotCount = (int)end;
        return slots;
    }

    private static ReplayThread[] CreateThreads(Trace trace, BlockOrder[] orders, uint[] slots, int[] ends)
    {
        ReadOnlySpan<TraceEvent> events = trace.Events;
        int[] counts = new int[trace.ThreadCount];
        foreach (TraceEvent entry in events)
        {
            counts[entry.Thread]++;
        }

        ReplayThread[] threads = [.. counts.Select(count => new ReplayThread(count))];
        long[] sizes = new long[trace.BlockCount];
        int next = 0;
        foreach (int end in ends)
        {
            for (; next < end; next++)
            {
                TraceEvent entry = events[next];
                long before = sizes[entry.Block];
                threads[entry.Thread].Add(new ReplayOperation(entry, before, slots[entry.Block], orders[next]));
                sizes[entry.Block] = entry.ByteCount;
            }

            Array.ForEach(threads, thread => thread.EndSegment());
        }

        return threads;
    }

    private static uint[] Left(Trace trace, uint[] slots)
    {
        bool[] isFreed = new bool[trace.BlockCount];
        foreach (TraceEvent entry in trace.Events)
        {
            isFreed[entry.Block] |= entry.Kind == TraceEventKind.Free;
        }

        return [.. slots.Where((_, block) => !isFreed[block])];
    }
}

/// <summary>What one thread does.</summary>
/// <param name="operationCount">How many operations it has.</param>
internal sealed unsafe class ReplayThread(int operationCount)
{
    private readonly ReplayOperation[] _operations =
        GC.AllocateUninitializedArray<ReplayOperation>(operationCount, pinned: true);
    private readonly List<int> _segmentEnds = [];
    private int _count;

    /// <summary>The operations. They do not move.</summary>
    public ReplayOperation* Operations =>
        (ReplayOperation*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_operations));

    /// <summary>How many there are.</summary>
    public int OperationCount => _operations.Length;

    /// <summary>
    /// How many operations are over at the end of each segment, up to the one with the last operation.
    /// </summary>
    public IReadOnlyList<int> SegmentEnds => _segmentEnds;

    /// <summary>Appends an operation.</summary>
    public void Add(ReplayOperation operation) => _operations[_count++] = operation;

    /// <summary>Ends a segment of all threads.</summary>
    public void EndSegment()
    {
        if (_segmentEnds.Count == 0 || _segmentEnds[^1] < _operations.Length)
        {
            _segmentEnds.Add(_count);
        }
    }
}
