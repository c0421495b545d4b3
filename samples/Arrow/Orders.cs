using System;
using System.IO;
using System.Threading.Tasks;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Memory;
using Apache.Arrow.Types;

namespace Hakmem.ArrowSample;

// A table of orders in record batches, as an Arrow IPC stream in a file: written once, and read with the allocator under test.
internal static class Orders
{
    private const int Products = 1_000;
    private const int Seed = 7;

    private static readonly Schema s_schema = new(
        [
            new Field("product", Int32Type.Default, nullable: false),
            new Field("quantity", Int64Type.Default, nullable: false),
            new Field("price", DoubleType.Default, nullable: false),
        ],
        metadata: null);

    public static async Task WriteAsync(string path, int batches, int rowsPerBatch, MemoryAllocator allocator)
    {
        Random random = new(Seed);
        using FileStream file = File.Create(path);
        using ArrowStreamWriter writer = new(file, s_schema);
        for (int i = 0; i < batches; i++)
        {
            using RecordBatch batch = Generate(random, rowsPerBatch, allocator);
            await writer.WriteRecordBatchAsync(batch);
        }

        await writer.WriteEndAsync();
    }

    // Reads every batch into memory of the allocator and gives what all orders together are worth.
    public static async Task<double> SumAsync(string path, MemoryAllocator allocator)
    {
        using FileStream file = File.OpenRead(path);
        using ArrowStreamReader reader = new(file, allocator, leaveOpen: true);
        double sum = 0;
        while (await reader.ReadNextRecordBatchAsync() is { } batch)
        {
            using (batch)
            {
                sum += Sum(batch);
            }
        }

        return sum;
    }

    public static RecordBatch Generate(Random random, int rows, MemoryAllocator allocator)
    {
        Int32Array.Builder product = new Int32Array.Builder().Reserve(rows);
        Int64Array.Builder quantity = new Int64Array.Builder().Reserve(rows);
        DoubleArray.Builder price = new DoubleArray.Builder().Reserve(rows);
        for (int row = 0; row < rows; row++)
        {
            product.Append(random.Next(Products));
            quantity.Append(random.Next(1, 100));
            price.Append(random.Next(100, 100_000) / 100.0);
        }

        return new RecordBatch(s_schema, [product.Build(allocator), quantity.Build(allocator), price.Build(allocator)], rows);
    }

    public static double Sum(RecordBatch batch)
    {
        ReadOnlySpan<long> quantities = ((Int64Array)batch.Column("quantity")).Values;
        ReadOnlySpan<double> prices = ((DoubleArray)batch.Column("price")).Values;
        double sum = 0;
        for (int row = 0; row < quantities.Length; row++)
        {
            sum += quantities[row] * prices[row];
        }

        return sum;
    }
}
