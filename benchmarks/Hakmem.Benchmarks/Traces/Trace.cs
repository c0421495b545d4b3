using System;
using System.Collections.Generic;
using System.IO;

namespace Hakmem.Benchmarks.Traces;

/// <summary>
/// What a program asked of its allocator: a sequence of events that some allocator could have served. Every resize and
/// free is of a live block, threads and blocks are numbered as they first appear, time does not run backwards.
/// </summary>
internal sealed class Trace
{
    /// <summary>The most events of a trace.</summary>
    public const int MaximumEvents = 1 << 26;

    /// <summary>The most threads of a trace: each is a thread of the replay.</summary>
    public const int MaximumThreads = 1024;

    /// <summary>The largest block, 1 TiB.</summary>
    public const long MaximumBlockBytes = 1L << 40;

    /// <summary>The most bytes of all live blocks together, 128 TiB.</summary>
    public const long MaximumTotalBytes = 1L << 47;

    /// <summary>The latest event, after some 35 years.</summary>
    public const long MaximumMicroseconds = 1L << 50;

    private const long Dead = -1;

    private readonly TraceEvent[] _events;

    /// <summary>Checks a sequence of events.</summary>
    /// <param name="description">Which program under which load, in a line.</param>
    /// <param name="events">The events; the trace keeps the array.</param>
    /// <exception cref="InvalidDataException">No program can have done this.</exception>
    public Trace(string description, TraceEvent[] events)
    {
        Description = description;
        _events = events;
        if (events.Length > MaximumEvents)
        {
            throw new InvalidDataException($"A trace has at most {MaximumEvents} events, not {events.Length}.");
        }

        List<long> sizes = [];
        long liveBytes = 0;
        long time = 0;
        for (int i = 0; i < events.Length; i++)
        {
            TraceEvent entry = events[i];
            CheckForm(i, entry, time);
            long before = SizeBefore(i, entry, sizes);
            liveBytes += entry.ByteCount - before;
            MaximumLiveBytes = Math.Max(MaximumLiveBytes, liveBytes);
            if (liveBytes > MaximumTotalBytes)
            {
                throw Wrong(i, $"makes {liveBytes} bytes live, of which there cannot be more than {MaximumTotalBytes}");
            }

            sizes[entry.Block] = entry.Kind == TraceEventKind.Free ? Dead : entry.ByteCount;
            time = entry.Microseconds;
        }

        BlockCount = sizes.Count;
        EndLiveBlockCount = sizes.FindAll(size => size != Dead).Count;
    }

    /// <summary>Which program under which load.</summary>
    public string Description { get; }

    /// <summary>The events in the order in which they happened.</summary>
    public ReadOnlySpan<TraceEvent> Events => _events;

    /// <summary>How many threads there are.</summary>
    public int ThreadCount { get; private set; }

    /// <summary>How many blocks were allocated.</summary>
    public int BlockCount { get; }

    /// <summary>How many blocks are live at the end.</summary>
    public int EndLiveBlockCount { get; }

    /// <summary>The most bytes that were live at once, as they were asked for.</summary>
    public long MaximumLiveBytes { get; }

    /// <summary>From the first event to the last one.</summary>
    public TimeSpan Duration => _events.Length == 0
        ? TimeSpan.Zero
        : TimeSpan.FromMicroseconds(_events[^1].Microseconds - _events[0].Microseconds);

    private void CheckForm(int index, TraceEvent entry, long time)
    {
        if (entry.Kind > TraceEventKind.Free)
        {
            throw Wrong(index, $"has the unknown kind {(byte)entry.Kind}");
        }

        if (entry.Thread < 0 || entry.Thread > ThreadCount || entry.Thread >= MaximumThreads)
        {
            throw Wrong(index, $"is of thread {entry.Thread}, after {ThreadCount} threads of at most {MaximumThreads}");
        }

        long largest = entry.Kind == TraceEventKind.Free ? 0 : MaximumBlockBytes;
        if (entry.ByteCount < 0 || entry.ByteCount > largest)
        {
            throw Wrong(index, $"has the impossible size of {entry.ByteCount} bytes");
        }

        if (entry.Microseconds < time || entry.Microseconds > MaximumMicroseconds)
        {
            throw Wrong(index, $"is at {entry.Microseconds} us, after one at {time} us");
        }

        ThreadCount = Math.Max(ThreadCount, entry.Thread + 1);
    }

    // The bytes that the event's block had before it. Gives a new block its number.
    private static long SizeBefore(int index, TraceEvent entry, List<long> sizes)
    {
        if (entry.IsAllocation)
        {
            if (entry.Block != sizes.Count)
            {
                throw Wrong(index, $"allocates block {entry.Block}, where {sizes.Count} is the next number");
            }

            sizes.Add(0);
            return 0;
        }

        if (entry.Block < 0 || entry.Block >= sizes.Count || sizes[entry.Block] == Dead)
        {
            throw Wrong(index, $"is a {entry.Kind} of block {entry.Block}, which is not live");
        }

        return sizes[entry.Block];
    }

    private static InvalidDataException Wrong(int index, string what) => new($"Event {index} {what}.");
}
