using System;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Security.Cryptography;
using System.Text;

namespace Hakmem.Benchmarks.Traces;

/// <summary>
/// Traces as files. The fields of all events are columns, since a column compresses better than a mixture.
/// </summary>
/// <remarks>
/// <code>
/// 8 bytes   "HKMTRACE"
/// 1 byte    the version, 1
/// 32 bytes  SHA-256 of all that follows: compressed data that was damaged may still decompress
/// the rest  Brotli, of
///   the description (UTF-8), behind its number of bytes
///   the numbers of events, threads, blocks, and of the most bytes live at once
///   four columns, each behind its number of bytes:
///     kind | thread &lt;&lt; 2, for each event
///     how many blocks were allocated after the event's, for each resize and free
///     the size in bytes, for each event but a free
///     microseconds since the event before, for each event
/// </code>
/// Numbers are unsigned and have seven bits a byte (see <see cref="ByteColumnWriter"/>).
/// </remarks>
internal static class TraceFile
{
    /// <summary>How a trace file's name ends.</summary>
    public const string Extension = ".hktrace";

    private const byte Version = 1;
    private const int KindBits = 2;
    private const int MaximumFileBytes = 256 << 20;
    private const int MaximumPayloadBytes = 1 << 30;
    private const int MaximumDescriptionBytes = 4096;
    private const int HeaderBytes = 8 + 1 + SHA256.HashSizeInBytes;

    private static ReadOnlySpan<byte> Magic => "HKMTRACE"u8;

    /// <summary>Writes a trace.</summary>
    public static void Write(string path, Trace trace) => File.WriteAllBytes(path, ToBytes(trace));

    /// <summary>Reads a trace.</summary>
    /// <exception cref="InvalidDataException">The file is none, or is damaged.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Trace Read(string path)
    {
        if (new FileInfo(path) is { Exists: true, Length: > MaximumFileBytes })
        {
            throw new InvalidDataException($"{path} has more than {MaximumFileBytes} bytes, which no trace has.");
        }

        try
        {
            return FromBytes(File.ReadAllBytes(path));
        }
        catch (InvalidDataException wrong)
        {
            throw new InvalidDataException($"{path}: {wrong.Message}", wrong);
        }
    }

    /// <summary>A trace as a file has it.</summary>
    public static byte[] ToBytes(Trace trace)
    {
        using MemoryStream compressed = new();
        using (BrotliStream brotli = new(compressed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            brotli.Write(Payload(trace));
        }

        byte[] body = compressed.ToArray();
        return [.. Magic, Version, .. SHA256.HashData(body), .. body];
    }

    /// <summary>Reads what <see cref="ToBytes"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is no trace, or is damaged.</exception>
    public static Trace FromBytes(ReadOnlySpan<byte> file)
    {
        if (!file.StartsWith(Magic))
        {
            throw new InvalidDataException("This is no trace: it does not begin with HKMTRACE.");
        }

        if (file.Length < HeaderBytes)
        {
            throw new InvalidDataException("The trace is damaged: it ends within its header.");
        }

        if (file[Magic.Length] != Version)
        {
            throw new InvalidDataException(
                $"The trace has version {file[Magic.Length]}; this program reads {Version}.");
        }

        ReadOnlySpan<byte> hash = file[(Magic.Length + 1)..HeaderBytes];
        ReadOnlySpan<byte> body = file[HeaderBytes..];
        if (!hash.SequenceEqual(SHA256.HashData(body)))
        {
            throw new InvalidDataException(
                "The trace is damaged: its checksum does not match, so it was cut off or changed.");
        }

        return Parse(Decompress(body));
    }

    private static ReadOnlySpan<byte> Payload(Trace trace)
    {
        ByteColumnWriter kinds = new();
        ByteColumnWriter distances = new();
        ByteColumnWriter sizes = new();
        ByteColumnWriter times = new();
        int allocated = 0;
        long time = 0;
        foreach (TraceEvent entry in trace.Events)
        {
            kinds.Write((ulong)entry.Kind | ((ulong)entry.Thread << KindBits));
            if (entry.IsAllocation)
            {
                allocated++;
            }
            else
            {
                distances.Write((ulong)(allocated - 1 - entry.Block));
            }

            if (entry.Kind != TraceEventKind.Free)
            {
                sizes.Write((ulong)entry.ByteCount);
            }

            times.Write((ulong)(entry.Microseconds - time));
            time = entry.Microseconds;
        }

        ByteColumnWriter payload = new();
        payload.WriteBytes(Encoding.UTF8.GetBytes(trace.Description));
        payload.Write((ulong)trace.Events.Length);
        payload.Write((ulong)trace.ThreadCount);
        payload.Write((ulong)trace.BlockCount);
        payload.Write((ulong)trace.MaximumLiveBytes);
        foreach (ByteColumnWriter column in (ByteColumnWriter[])[kinds, distances, sizes, times])
        {
            payload.WriteBytes(column.Written);
        }

        return payload.Written;
    }

    private static byte[] Decompress(ReadOnlySpan<byte> body)
    {
        using MemoryStream compressed = new(body.ToArray());
        using BrotliStream brotli = new(compressed, CompressionMode.Decompress);
        using MemoryStream payload = new();
        byte[] buffer = new byte[64 << 10];
        try
        {
            for (int read; (read = brotli.Read(buffer)) > 0;)
            {
                if (payload.Length + read > MaximumPayloadBytes)
                {
                    throw new InvalidDataException(
                        $"The trace is larger than {MaximumPayloadBytes} bytes without compression.");
                }

                payload.Write(buffer, 0, read);
            }
        }
        catch (InvalidOperationException wrong)
        {
            throw new InvalidDataException("The trace is damaged: what follows its header is not compressed.", wrong);
        }

        return payload.ToArray();
    }

    private static Trace Parse(ReadOnlySpan<byte> bytes)
    {
        ByteColumnReader payload = new(bytes);
        ReadOnlySpan<byte> description = payload.ReadBytes();
        if (description.Length > MaximumDescriptionBytes)
        {
            throw new InvalidDataException($"The trace's description has more than {MaximumDescriptionBytes} bytes.");
        }

        // An event has a byte in two columns at least.
        int eventCount = (int)payload.ReadAtMost(
            Math.Min(Trace.MaximumEvents, payload.RemainingCount / 2), "the number of events");
        ulong[] counts = [payload.Read(), payload.Read(), payload.Read()];
        ByteColumnReader kinds = new(payload.ReadBytes());
        ByteColumnReader distances = new(payload.ReadBytes());
        ByteColumnReader sizes = new(payload.ReadBytes());
        ByteColumnReader times = new(payload.ReadBytes());
        Trace trace = new(
            Encoding.UTF8.GetString(description),
            ParseEvents(eventCount, ref kinds, ref distances, ref sizes, ref times));
        if (!kinds.IsAtEnd || !distances.IsAtEnd || !sizes.IsAtEnd || !times.IsAtEnd || !payload.IsAtEnd)
        {
            throw new InvalidDataException("The trace has more data than events.");
        }

        ulong[] found = [(ulong)trace.ThreadCount, (ulong)trace.BlockCount, (ulong)trace.MaximumLiveBytes];
        return counts.SequenceEqual(found)
            ? trace
            : throw new InvalidDataException(
                $"The trace's events have other threads, blocks and live bytes ({string.Join(", ", found)}) " +
                $"than its header says ({string.Join(", ", counts)}).");
    }

    private static TraceEvent[] ParseEvents(
        int eventCount,
        ref ByteColumnReader kinds,
        ref ByteColumnReader distances,
        ref ByteColumnReader sizes,
        ref ByteColumnReader times)
    {
        TraceEvent[] events = new TraceEvent[eventCount];
        int allocated = 0;
        long time = 0;
        for (int i = 0; i < eventCount; i++)
        {
            long head = kinds.ReadAtMost(int.MaxValue, "a kind and thread");
            TraceEventKind kind = (TraceEventKind)(head & ((1 << KindBits) - 1));
            bool isAllocation = kind is TraceEventKind.Allocate or TraceEventKind.AllocateZeroed;
            int block = isAllocation
                ? allocated++
                : allocated - 1 - (int)distances.ReadAtMost(int.MaxValue, "a block's distance");
            long byteCount = kind == TraceEventKind.Free ? 0 : sizes.ReadAtMost(Trace.MaximumBlockBytes, "a size");
            time += times.ReadAtMost(Trace.MaximumMicroseconds, "a time");
            events[i] = new TraceEvent(kind, (int)(head >> KindBits), block, byteCount, time);
        }

        return events;
    }
}
