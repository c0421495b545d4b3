using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;

namespace Hakmem.Benchmarks.Traces.Recording;

/// <summary>
/// Collects the events of a running program, from any thread. Whoever records calls it after a block was allocated and
/// before it is freed, so that the order of the calls is one in which every block is live when it is used.
/// </summary>
/// <remarks>One lock for all threads: a recording costs time, and the order has to be one for all.</remarks>
internal sealed class TraceRecorder
{
    private readonly Lock _lock = new();

    // Guarded by _lock, all of it.
    private readonly List<TraceEvent> _events = [];
    private readonly Dictionary<int, int> _threads = [];
    private int _blockCount;

    // Of the first event.
    private long _start;

    /// <summary>A block was allocated.</summary>
    /// <param name="byteCount">Its size in bytes, as it was asked for.</param>
    /// <param name="isZeroed">Whether it was to be zero.</param>
    /// <returns>The block's number.</returns>
    public int Allocated(long byteCount, bool isZeroed = false)
    {
        lock (_lock)
        {
            int block = _blockCount++;
            Add(isZeroed ? TraceEventKind.AllocateZeroed : TraceEventKind.Allocate, block, byteCount);
            return block;
        }
    }

    /// <summary>A block got another size.</summary>
    public void Resized(int block, long byteCount)
    {
        lock (_lock)
        {
            Add(TraceEventKind.Resize, block, byteCount);
        }
    }

    /// <summary>A block is about to be freed.</summary>
    public void Freeing(int block)
    {
        lock (_lock)
        {
            Add(TraceEventKind.Free, block, byteCount: 0);
        }
    }

    /// <summary>What was recorded so far.</summary>
    /// <param name="description">Which program under which load.</param>
    public Trace ToTrace(string description)
    {
        lock (_lock)
        {
            return new Trace(description, [.. _events]);
        }
    }

    private void Add(TraceEventKind kind, int block, long byteCount)
    {
        long now = Stopwatch.GetTimestamp();
        if (_events.Count == 0)
        {
            _start = now;
        }

        int id = Environment.CurrentManagedThreadId;
        if (!_threads.TryGetValue(id, out int thread))
        {
            thread = _threads.Count;
            _threads.Add(id, thread);
        }

        long microseconds = (long)Stopwatch.GetElapsedTime(_start, now).TotalMicroseconds;
        _events.Add(new TraceEvent(kind, thread, block, byteCount, microseconds));
    }
}
