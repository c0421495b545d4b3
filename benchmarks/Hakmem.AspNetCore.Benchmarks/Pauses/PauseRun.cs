using System;
using System.Buffers;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using Hakmem.AspNetCore.Benchmarks.Runner;
using Hakmem.Benchmarks.Runner;

namespace Hakmem.AspNetCore.Benchmarks.Pauses;

/// <summary>
/// The measuring process: <c>pause-run SUBJECT MIB BUFFER-BYTES COLLECTIONS</c> holds that many buffers as a busy service does, collects
/// garbage that often, and prints one line of JSON.
/// </summary>
internal static class PauseRun
{
    /// <summary>The internal command's name.</summary>
    public const string Name = "pause-run";

    /// <summary>Arrays rented from <c>ArrayPool&lt;byte&gt;.Shared</c>.</summary>
    public const string ArrayPoolSubject = "arraypool";

    /// <summary>Owners rented from <c>NativeMemoryPool.Shared</c>.</summary>
    public const string OurSubject = "hakmem";

    // Garbage and survivors beside the buffers, so that each collection has something to do.
    private const int OtherObjects = 100_000;

    /// <summary>Measures and prints.</summary>
    public static int Run(string[] arguments)
    {
        int bufferBytes = int.Parse(arguments[3], CultureInfo.InvariantCulture);
        int count = (int)((long.Parse(arguments[2], CultureInfo.InvariantCulture) << 20) / bufferBytes);
        int collections = int.Parse(arguments[4], CultureInfo.InvariantCulture);
        List<object> buffers = new(count);
        for (int i = 0; i < count; i++)
        {
            buffers.Add(arguments[1] == OurSubject ? RentNative(bufferBytes) : RentArray(bufferBytes));
        }

        object[] others = [.. Enumerable.Range(0, OtherObjects).Select(_ => new object())];
        List<double> pauses = [];
        for (int i = 0; i < collections; i++)
        {
            // A tenth of the other objects is replaced each time.
            for (int j = i % 10; j < others.Length; j += 10)
            {
                others[j] = new object();
            }

            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
            pauses.Add(GC.GetGCMemoryInfo(GCKind.FullBlocking).PauseDurations[0].TotalMilliseconds);
        }

        PauseFigures figures = new()
        {
            MedianPauseMs = pauses.Order().ElementAt(pauses.Count / 2),
            LongestPauseMs = pauses.Max(),
            ManagedHeapBytes = GC.GetGCMemoryInfo(GCKind.FullBlocking).HeapSizeBytes,
            ResidentBytes = ProcessFigures.ResidentBytes,
        };
        Console.WriteLine(JsonSerializer.Serialize(figures, FiguresJsonContext.Default.PauseFigures));
        GC.KeepAlive(buffers);
        GC.KeepAlive(others);
        return 0;
    }

    private static byte[] RentArray(int bytes)
    {
        byte[] array = ArrayPool<byte>.Shared.Rent(bytes);
        array.AsSpan().Fill(1);
        return array;
    }

    private static IMemoryOwner<byte> RentNative(int bytes)
    {
        IMemoryOwner<byte> owner = NativeMemoryPool.Shared.Rent(bytes);
        owner.Memory.Span.Fill(1);
        return owner;
    }
}
