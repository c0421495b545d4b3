using System;
using System.Buffers;
using System.Buffers.Text;
using System.Collections.Generic;
using System.IO;
using System.IO.Pipelines;
using System.Text;
using System.Threading.Tasks;

namespace Hakmem.LineParser;

// One task reads the file straight into the pipe's buffers, another takes lines out of them: no line is copied unless it lies across two buffers,
// and no string is made but a station's name, once. Where the buffers come from is the pool's business.
internal static class PipeParser
{
    private const int SegmentBytes = 256 << 10;
    private const int PauseBytes = 4 << 20;
    private const int LongestLine = 256;

    // Throws InvalidDataException for a line that is not "name;number" or is too long.
    public static async Task<Summary> ParseAsync(string path, MemoryPool<byte> pool)
    {
        Pipe pipe = new(new PipeOptions(
            pool,
            minimumSegmentSize: SegmentBytes,
            pauseWriterThreshold: PauseBytes,
            resumeWriterThreshold: PauseBytes / 2,
            useSynchronizationContext: false));
        Task filling = FillAsync(path, pipe.Writer);
        Dictionary<string, Station> stations = [];
        try
        {
            await DrainAsync(pipe.Reader, stations);
        }
        finally
        {
            // The writer sees that nobody reads any more, so that the file is closed and every buffer is back whatever happened.
            await pipe.Reader.CompleteAsync();
            await filling;
        }

        return new Summary(stations.Values);
    }

    private static async Task FillAsync(string path, PipeWriter writer)
    {
        Exception? failure = null;
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
            int read;
            bool isWanted = true;
            while (isWanted && (read = await file.ReadAsync(writer.GetMemory(SegmentBytes))) > 0)
            {
                writer.Advance(read);
                isWanted = !(await writer.FlushAsync()).IsCompleted;
            }
        }
        catch (Exception unreadable)
        {
            // Whatever it is: a reader that is not told waits for ever. It throws it on.
            failure = unreadable;
        }

        await writer.CompleteAsync(failure);
    }

    private static async Task DrainAsync(PipeReader reader, Dictionary<string, Station> stations)
    {
        ReadResult result;
        do
        {
            result = await reader.ReadAsync();
            SequencePosition consumed = Parse(result.Buffer, stations);
            ReadOnlySequence<byte> rest = result.Buffer.Slice(consumed);
            if (rest.Length > LongestLine || (result.IsCompleted && !rest.IsEmpty))
            {
                throw new InvalidDataException(
                    result.IsCompleted ? "The last line does not end." : $"A line is longer than {LongestLine} bytes.");
            }

            reader.AdvanceTo(consumed, result.Buffer.End);
        }
        while (!result.IsCompleted);
    }

    // Takes all whole lines; gives where the first unfinished one begins.
    private static SequencePosition Parse(ReadOnlySequence<byte> buffer, Dictionary<string, Station> stations)
    {
        Dictionary<string, Station>.AlternateLookup<ReadOnlySpan<char>> lookup = stations.GetAlternateLookup<ReadOnlySpan<char>>();
        SequenceReader<byte> lines = new(buffer);
        Span<byte> copy = stackalloc byte[LongestLine];
        while (lines.TryReadTo(out ReadOnlySequence<byte> line, (byte)'\n'))
        {
            if (line.IsSingleSegment)
            {
                Add(line.FirstSpan, stations, lookup);
            }
            else
            {
                if (line.Length > LongestLine)
                {
                    throw new InvalidDataException($"A line is longer than {LongestLine} bytes.");
                }

                line.CopyTo(copy);
                Add(copy[..(int)line.Length], stations, lookup);
            }
        }

        return lines.Position;
    }

    private static void Add(
        ReadOnlySpan<byte> line, Dictionary<string, Station> stations, Dictionary<string, Station>.AlternateLookup<ReadOnlySpan<char>> lookup)
    {
        int end = line.IndexOf((byte)';');
        if (end < 0 || end > LongestLine || !Utf8Parser.TryParse(line[(end + 1)..], out int tenths, out int digits) || end + 1 + digits != line.Length)
        {
            throw new InvalidDataException($"Not a measurement: {Encoding.UTF8.GetString(line)}");
        }

        Span<char> name = stackalloc char[LongestLine];
        name = name[..Encoding.UTF8.GetChars(line[..end], name)];
        if (!lookup.TryGetValue(name, out Station? station))
        {
            string text = name.ToString();
            station = new Station(text);
            stations.Add(text, station);
        }

        station.Add(tenths);
    }
}
