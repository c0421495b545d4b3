using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;

namespace Hakmem.Benchmarks.Traces.Recording;

/// <summary>
/// Makes a trace of what the recorder of native programs wrote (benchmarks/recorder/trace_recorder.c).
/// </summary>
internal sealed class RawTrace
{
    private const int HeaderBytes = 64;
    private const int CapacityOffset = 8;
    private const int NextOffset = 16;
    private const int RecordBytesOffset = 28;

    private const uint KindNone = 0;
    private const uint KindAllocate = 1;
    private const uint KindAllocateZeroed = 2;
    private const uint KindFree = 3;
    private const uint KindResizeBegin = 4;
    private const uint KindResizeEnd = 5;

    private readonly List<TraceEvent> _events = [];
    private readonly Dictionary<ulong, int> _blocks = [];
    private readonly Dictionary<uint, int> _threads = [];

    // What each thread is resizing: the block's number, or null for one that is not known, and its old address.
    private readonly Dictionary<uint, (int? Block, ulong Address)> _resizing = [];
    private readonly int _limit;
    private int _blockCount;
    private ulong _start;
    private ulong _time;

    private RawTrace(int limit) => _limit = limit;

    /// <summary>Events that were dropped because the file was full.</summary>
    public long DroppedCount { get; private set; }

    /// <summary>Resizes and frees of blocks that were allocated before the recording.</summary>
    public long UnknownCount { get; private set; }

    /// <summary>Blocks whose free was not recorded: something else was allocated at their address.</summary>
    public long UnfreedCount { get; private set; }

    private static ReadOnlySpan<byte> Magic => "HKRAWTR1"u8;

    /// <summary>Reads a recording.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">How many events to keep, from the first on.</param>
    /// <param name="description">Which program under which load.</param>
    /// <param name="trace">The trace.</param>
    /// <returns>What was left out.</returns>
    /// <exception cref="InvalidDataException">It is no recording.</exception>
    public static RawTrace Read(string path, int limit, string description, out Trace trace)
    {
        using FileStream file = File.OpenRead(path);
        byte[] header = new byte[HeaderBytes];
        if (file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes
            || !header.AsSpan().StartsWith(Magic))
        {
            throw new InvalidDataException($"{path} is no recording: it does not begin with HKRAWTR1.");
        }

        long capacity = BitConverter.ToInt64(header, CapacityOffset);
        long taken = BitConverter.ToInt64(header, NextOffset);
        int recordBytes = BitConverter.ToInt32(header, RecordBytesOffset);
        if (recordBytes != Marshal.SizeOf<Record>()
            || capacity < 0
            || taken < 0
            || (file.Length - HeaderBytes) / recordBytes < Math.Min(taken, capacity))
        {
            throw new InvalidDataException(
                $"{path} is damaged: {taken} records of {recordBytes} bytes are not in its {file.Length} bytes.");
        }

        RawTrace raw = new(limit) { DroppedCount = Math.Max(0, taken - capacity) };
        raw.ReadRecords(file, Math.Min(taken, capacity));
        trace = new Trace(description, [.. raw._events]);
        return raw;
    }

    private void ReadRecords(FileStream file, long count)
    {
        Record[] buffer = new Record[4096];
        while (count > 0 && _events.Count < _limit)
        {
            Span<Record> part = buffer.AsSpan(0, (int)Math.Min(count, buffer.Length));
            file.ReadExactly(MemoryMarshal.AsBytes(part));
            foreach (ref readonly Record record in part)
            {
                if (_events.Count < _limit)
                {
                    Add(record);
                }
            }

            count -= part.Length;
        }
    }

    private void Add(in Record record)
    {
        switch (record.Kind)
        {
            case KindNone:
                // Taken and not written: its thread was ended in between.
                break;
            case KindAllocate:
            case KindAllocateZeroed:
                TraceEventKind kind = record.Kind == KindAllocate
                    ? TraceEventKind.Allocate
                    : TraceEventKind.AllocateZeroed;
                Allocate(record, kind);
                break;
            case KindFree when _blocks.Remove(record.Address, out int freed):
                Append(record, TraceEventKind.Free, freed);
                break;
            case KindFree:
                UnknownCount++;
                break;
            case KindResizeBegin:
                bool isKnown = _blocks.Remove(record.Address, out int block);
                UnknownCount += isKnown ? 0 : 1;
                _resizing[record.Thread] = (isKnown ? block : null, record.Address);
                break;
            case KindResizeEnd when _resizing.Remove(record.Thread, out (int? Block, ulong Address) resized):
                EndResize(record, resized.Block, resized.Address);
                break;
            default:
                throw new InvalidDataException($"The recording has a record of kind {record.Kind} that does not fit.");
        }
    }

    private void EndResize(in Record record, int? block, ulong address)
    {
        if (record.Address != 0)
        {
            if (block is { } known)
            {
                FreeUnfreed(record);
                _blocks.Add(record.Address, known);
                Append(record, TraceEventKind.Resize, known);
            }
            else
            {
                Allocate(record, TraceEventKind.Allocate);
            }
        }
        else if (block is { } kept && record.ByteCount > 0)
        {
            // There was no room, and the block is what it was.
            _blocks.Add(address, kept);
        }
        else if (block is { } freed)
        {
            Append(record, TraceEventKind.Free, freed);
        }
    }

    private void Allocate(in Record record, TraceEventKind kind)
    {
        FreeUnfreed(record);
        _blocks.Add(record.Address, _blockCount);
        Append(record, kind, _blockCount++);
    }

    private void FreeUnfreed(in Record record)
    {
        if (_blocks.Remove(record.Address, out int unfreed))
        {
            UnfreedCount++;
            Append(record, TraceEventKind.Free, unfreed);
        }
    }

    private void Append(in Record record, TraceEventKind kind, int block)
    {
        if (!_threads.TryGetValue(record.Thread, out int thread))
        {
            thread = _threads.Count;
            _threads.Add(record.Thread, thread);
        }

        if (_events.Count == 0)
        {
            _start = record.Nanoseconds;
        }

        // Two threads may read the clock in another order than they take records.
        _time = Math.Max(_time, record.Nanoseconds);
        long byteCount = kind == TraceEventKind.Free ? 0 : (long)Math.Min(record.ByteCount, long.MaxValue);
        _events.Add(new TraceEvent(kind, thread, block, byteCount, (long)((_time - _start) / 1000)));
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Record
    {
        public readonly ulong Nanoseconds;
        public readonly ulong Address;
        public readonly ulong ByteCount;
        public readonly uint Thread;
        public readonly uint Kind;
    }
}
