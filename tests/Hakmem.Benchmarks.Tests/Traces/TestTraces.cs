using System.Collections.Generic;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Security.Cryptography;
using CsCheck;
using Hakmem.Benchmarks.Traces;

namespace Hakmem.Benchmarks.Tests.Traces;

// Traces and files as tests want them.
internal static class TestTraces
{
    public static readonly Gen<(int Kind, int Thread, int Block, long Bytes, int Pause)> Step =
        Gen.Select(Gen.Int[0, 9], Gen.Int[0, 3], Gen.Int[0, 1000], Gen.Long[0, 5000], Gen.Int[0, 2_000_000]);

    // Any steps as the events of a program: what is done to a block that is not there allocates one.
    public static TraceEvent[] Events(IEnumerable<(int Kind, int Thread, int Block, long Bytes, int Pause)> steps)
    {
        List<TraceEvent> events = [];
        List<int> live = [];
        int blocks = 0;
        int threads = 0;
        long time = 0;
        foreach ((int kind, int thread, int block, long bytes, int pause) in steps)
        {
            int number = System.Math.Min(thread, threads);
            threads = System.Math.Max(threads, number + 1);
            time += pause;
            if (kind < 4 || live.Count == 0)
            {
                live.Add(blocks);
                TraceEventKind allocation = kind % 2 == 0 ? TraceEventKind.Allocate : TraceEventKind.AllocateZeroed;
                events.Add(new(allocation, number, blocks++, bytes, time));
            }
            else if (kind < 6)
            {
                events.Add(new(TraceEventKind.Resize, number, live[block % live.Count], bytes, time));
            }
            else
            {
                events.Add(new(TraceEventKind.Free, number, live[block % live.Count], 0, time));
                live.RemoveAt(block % live.Count);
            }
        }

        return [.. events];
    }

    public static Trace Random(int seed, int count)
    {
        System.Random random = new(seed);
        return new Trace("random", Events(Enumerable.Range(0, count).Select(_ =>
            (random.Next(10), random.Next(4), random.Next(1000), (long)random.Next(3000), random.Next(100)))));
    }

    // A file whose checksum is right, whatever it holds.
    public static byte[] FileOf(byte[] payload)
    {
        using MemoryStream compressed = new();
        using (BrotliStream brotli = new(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            brotli.Write(payload);
        }

        return FileOfBody(compressed.ToArray());
    }

    public static byte[] FileOfBody(byte[] body) => [.. "HKMTRACE"u8, 1, .. SHA256.HashData(body), .. body];

    public static byte[] PayloadOf(byte[] file)
    {
        using MemoryStream body = new(file[(8 + 1 + SHA256.HashSizeInBytes)..]);
        using BrotliStream brotli = new(body, CompressionMode.Decompress);
        using MemoryStream payload = new();
        brotli.CopyTo(payload);
        return payload.ToArray();
    }
}
