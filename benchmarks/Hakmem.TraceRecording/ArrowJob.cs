using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Memory;
using Apache.Arrow.Types;
using Hakmem.Benchmarks.Traces.Recording;

namespace Hakmem.TraceRecording;

/// <summary>
/// Reads Arrow streams of orders on one thread, filters the batches on two, and joins what is left to row groups, of
/// which the latest are kept. Arrow's buffers are recorded.
/// </summary>
internal static class ArrowJob
{
    public const string Description =
        "an Arrow job: IPC streams read on one thread, batches filtered on two, joined to row groups of which the " +
        "latest are kept; Arrow's buffers";

    private const int Streams = 24;
    private const int BatchesPerStream = 24;
    private const int MaximumRows = 2_500;
    private const int Phases = 4;
    private const int ReadsPerPhase = 120;
    private const int Workers = 2;
    private const int QueuedBatches = 16;
    private const int BatchesPerGroup = 32;
    private const int KeptGroups = 24;
    private const int Products = 1_000;
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1.6);

    private static readonly Schema s_schema = new(
        [
            new Field("product", Int32Type.Default, nullable: false),
            new Field("quantity", Int64Type.Default, nullable: false),
            new Field("price", DoubleType.Default, nullable: false),
            new Field("note", StringType.Default, nullable: false),
        ],
        metadata: null);

    public static void Run(TraceRecorder recorder)
    {
        Random random = new(7);
        byte[][] streams = [.. Enumerable.Range(0, Streams).Select(_ => WriteStream(random))];
        using HakmemAllocator heap = new();
        RecordedArrowAllocator allocator = new(new RecordingAllocator(heap, recorder));
        List<Queue<RecordBatch>> groups = [.. Enumerable.Range(0, Workers).Select(_ => new Queue<RecordBatch>())];
        for (int phase = 0; phase < Phases; phase++)
        {
            RunPhase(streams, phase, groups, allocator);
            Thread.Sleep(s_pause);
        }

        foreach (RecordBatch group in groups.SelectMany(queue => queue))
        {
            group.Dispose();
        }
    }

    private static void RunPhase(
        byte[][] streams, int phase, List<Queue<RecordBatch>> groups, MemoryAllocator allocator)
    {
        using BlockingCollection<RecordBatch> batches = new(QueuedBatches);
        Thread[] workers = [.. groups.Select(kept => new Thread(() => Filter(batches, kept, allocator)))];
        System.Array.ForEach(workers, worker => worker.Start());
        for (int read = 0; read < ReadsPerPhase; read++)
        {
            using MemoryStream bytes = new(streams[((phase * ReadsPerPhase) + read) % streams.Length]);
            using ArrowStreamReader reader = new(bytes, allocator, leaveOpen: true);
            while (reader.ReadNextRecordBatch() is { } batch)
            {
                batches.Add(batch);
            }
        }

        batches.CompleteAdding();
        System.Array.ForEach(workers, worker => worker.Join());
    }

    private static void Filter(
        BlockingCollection<RecordBatch> batches, Queue<RecordBatch> kept, MemoryAllocator allocator)
    {
        List<RecordBatch> parts = [];
        foreach (RecordBatch batch in batches.GetConsumingEnumerable())
        {
            using (batch)
            {
                parts.Add(Filter(batch, allocator));
            }

            if (parts.Count == BatchesPerGroup)
            {
                kept.Enqueue(Join(parts, allocator));
                parts.Clear();
                if (kept.Count > KeptGroups)
                {
                    kept.Dequeue().Dispose();
                }
            }
        }

        parts.ForEach(part => part.Dispose());
    }

    // The rows of large orders.
    private static RecordBatch Filter(RecordBatch batch, MemoryAllocator allocator)
    {
        var products = (Int32Array)batch.Column(0);
        var quantities = (Int64Array)batch.Column(1);
        var prices = (DoubleArray)batch.Column(2);
        var notes = (StringArray)batch.Column(3);
        Int32Array.Builder product = new();
        Int64Array.Builder quantity = new();
        DoubleArray.Builder price = new();
        StringArray.Builder note = new();
        int rows = 0;
        for (int row = 0; row < batch.Length; row++)
        {
            if (quantities.Values[row] * prices.Values[row] > 20_000)
            {
                product.Append(products.Values[row]);
                quantity.Append(quantities.Values[row]);
                price.Append(prices.Values[row]);
                note.Append(notes.GetString(row));
                rows++;
            }
        }

        return new RecordBatch(
            s_schema,
            [product.Build(allocator), quantity.Build(allocator), price.Build(allocator), note.Build(allocator)],
            rows);
    }

    private static RecordBatch Join(List<RecordBatch> parts, MemoryAllocator allocator)
    {
        IArrowArray[] columns = [.. Enumerable.Range(0, s_schema.FieldsList.Count)
            .Select(column =>
                ArrowArrayConcatenator.Concatenate([.. parts.Select(part => part.Column(column))], allocator))];
        int rows = parts.Sum(part => part.Length);
        parts.ForEach(part => part.Dispose());
        return new RecordBatch(s_schema, columns, rows);
    }

    private static byte[] WriteStream(Random random)
    {
        using MemoryStream bytes = new();
        using (ArrowStreamWriter writer = new(bytes, s_schema, leaveOpen: true))
        {
            for (int batch = 0; batch < BatchesPerStream; batch++)
            {
                using RecordBatch orders = Generate(random, random.Next(1, MaximumRows));
                writer.WriteRecordBatch(orders);
            }

            writer.WriteEnd();
        }

        return bytes.ToArray();
    }

    private static RecordBatch Generate(Random random, int rows)
    {
        Int32Array.Builder product = new();
        Int64Array.Builder quantity = new();
        DoubleArray.Builder price = new();
        StringArray.Builder note = new();
        for (int row = 0; row < rows; row++)
        {
            product.Append(random.Next(Products));
            quantity.Append(random.Next(1, 100));
            price.Append(random.Next(100, 100_000) / 100.0);
            note.Append(new string('n', random.Next(40)));
        }

        return new RecordBatch(s_schema, [product.Build(), quantity.Build(), price.Build(), note.Build()], rows);
    }
}
