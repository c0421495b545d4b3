using System;
using System.Collections.Generic;
using System.Diagnostics.Tracing;
using System.Runtime.CompilerServices;
using System.Threading;
using BenchmarkDotNet.Engines;

namespace Hakmem.Diagnosing;

// Counts, in the process of a benchmark, what its measured iterations allocate. BenchmarkDotNet's engine says by events
// when an iteration begins and ends; a listener is called on the engine's thread, within the call.
//
// All heaps are profiled from the first event on, not only while iterations are measured: so the pilot stage, which
// chooses how many operations an iteration has, meets the speed that they will have.
//
// Thread-safe.
internal sealed class UsageRecorder : EventListener
{
    private static readonly Lock s_lock = new();

    // Guarded by s_lock, as all fields of recorders are.
    private static readonly List<HakmemAllocator> s_watched = [];
    private static bool s_isRecording;

    private readonly List<HeapUsage> _heaps = [];
    private EventSource? _source;
    private long _operations;
    private string? _failure;
    private bool _isFinished;

    public UsageRecorder()
    {
        lock (s_lock)
        {
            s_isRecording = true;
        }
    }

    // Adds a heap. Nothing is kept while nobody records.
    public static void Watch(HakmemAllocator allocator)
    {
        lock (s_lock)
        {
            if (s_isRecording && !s_watched.Contains(allocator))
            {
                s_watched.Add(allocator);
            }
        }
    }

    // Ends recording, after the benchmark's cleanup, and returns the figures.
    public NativeUsage Finish()
    {
        lock (s_lock)
        {
            long allocated = 0;
            long leaked = 0;
            bool isExact = true;
            foreach (HeapUsage heap in _heaps)
            {
                allocated += heap.AllocatedBytes;
                leaked += heap.Finish();
                _failure ??= heap.LostSamples == 0 ? null
                    : $"There was no memory to count {heap.LostSamples} blocks.";
                isExact &= heap.IsExact;
            }

            _heaps.Clear();
            s_watched.Clear();
            s_isRecording = false;
            _isFinished = true;
            _failure ??= _operations == 0 ? "No iteration was measured." : null;
            if (_source is not null)
            {
                DisableEvents(_source);
            }

            Dispose();
            return new NativeUsage
            {
                Operations = _operations,
                AllocatedBytes = allocated,
                LeakedBytes = leaked,
                IsExact = isExact,
                Failure = _failure,
            };
        }
    }

    // The base class's constructor calls it for sources that are there already.
    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == EngineEventSource.SourceName)
        {
            _source = eventSource;
            EnableEvents(eventSource, EventLevel.Informational);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.EventSource.Name != EngineEventSource.SourceName)
        {
            return;
        }

        lock (s_lock)
        {
            try
            {
                if (!_isFinished && _failure is null)
                {
                    Note(eventData);
                }
            }
            catch (Exception exception)
            {
                // The framework would drop it; the diagnoser shows it.
                _failure = exception.Message;
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Note(EventWrittenEventArgs eventData)
    {
        AddHeaps();
        switch (eventData.EventId)
        {
            case EngineEventSource.WorkloadActualStartEventId:
                _heaps.ForEach(heap => heap.StartIteration());
                break;
            case EngineEventSource.WorkloadActualStopEventId:
                _heaps.ForEach(heap => heap.StopIteration());
                _operations += (long)eventData.Payload![0]!;
                break;
            default:
                _heaps.ForEach(heap => _ = heap.Adapt());
                break;
        }
    }

    private void AddHeaps()
    {
        if (_heaps.Count == 0)
        {
            _heaps.Add(new HeapUsage(HakmemAllocator.Shared));
        }

        foreach (HakmemAllocator allocator in s_watched)
        {
            if (!_heaps.Exists(heap => heap.Allocator == allocator))
            {
                _heaps.Add(new HeapUsage(allocator));
            }
        }
    }
}
