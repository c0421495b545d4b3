using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Memory;
using Xunit;
using Xunit.Sdk;

namespace Hakmem.Adapters.Tests.Arrow;

// Arrow's own readers, writers, concatenation and copies over the allocator, beside Arrow's own allocator. Each test
// ends with an empty heap.
public sealed class ArrowLibraryTests : IDisposable
{
    private readonly HakmemAllocator _heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked });
    private readonly HakmemArrowAllocator _allocator;

    public ArrowLibraryTests() => _allocator = new HakmemArrowAllocator(_heap);

    public void Dispose() => _heap.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1_000)]
    [InlineData(20_000)]
    public void ColumnsOfEachLayoutSayWhatArrowsOwnAllocatorGives(int rows)
    {
        using (RecordBatch own = ArrowColumns.Batch(rows, MemoryAllocator.Default.Value))
        using (RecordBatch ours = ArrowColumns.Batch(rows, _allocator))
        {
            Assert.Equal(own.ColumnCount, ours.ColumnCount);
            AssertSame(own, ours);
            Assert.True(rows == 0 || _heap.GetStatistics().LiveBlocks > own.ColumnCount);
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnIpcStreamComesBackAsItWasWritten(bool isFile)
    {
        const int Batches = 3;
        using MemoryStream stream = new();
        using (RecordBatch batch = ArrowColumns.Batch(5_000, _allocator))
        {
            using ArrowStreamWriter writer = isFile
                ? new ArrowFileWriter(stream, batch.Schema, leaveOpen: true, new IpcOptions(), _allocator)
                : new ArrowStreamWriter(stream, batch.Schema, leaveOpen: true, new IpcOptions(), _allocator);
            for (int i = 0; i < Batches; i++)
            {
                await writer.WriteRecordBatchAsync(batch);
            }

            await writer.WriteEndAsync();
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);

        // A stream of another class than MemoryStream, which Arrow would read without an allocator.
        stream.Position = 0;
        using BufferedStream plain = new(stream);
        using RecordBatch expected = ArrowColumns.Batch(5_000, MemoryAllocator.Default.Value);
        int read = 0;
        using (ArrowStreamReader reader = isFile ? new ArrowFileReader(plain, _allocator, leaveOpen: true)
            : new ArrowStreamReader(plain, _allocator, leaveOpen: true))
        {
            while (await reader.ReadNextRecordBatchAsync() is { } batch)
            {
                using (batch)
                {
                    AssertSame(expected, batch);
                    Assert.True(_heap.GetStatistics().LiveBlocks > 0);
                    read++;
                }
            }
        }

        Assert.Equal(Batches, read);

        // The dictionary's: Arrow 23 leaves it to a finalizer. Here it stays until its heap ends.
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void ArraysAreConcatenatedAndSliced()
    {
        using RecordBatch first = ArrowColumns.Batch(1_000, _allocator);
        using RecordBatch second = ArrowColumns.Batch(77, _allocator);
        long before = _heap.GetStatistics().LiveBlocks;
        for (int column = 0; column < first.ColumnCount; column++)
        {
            // Arrow joins no dictionaries, and joined views share their inputs' text: disposing either disposes both.
            if (first.Column(column) is DictionaryArray or StringViewArray)
            {
                continue;
            }

            using IArrowArray joined = ArrowArrayConcatenator.Concatenate(
                [first.Column(column), second.Column(column)], _allocator);
            using IArrowArray own = ArrowArrayConcatenator.Concatenate([first.Column(column), second.Column(column)]);
            AssertSame(own, joined);
            using IArrowArray slice = ArrowArrayFactory.Slice(joined, 990, 50);
            Assert.Equal(50, slice.Length);
        }

        Assert.Equal(before, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void ACloneOwnsItsBuffers()
    {
        using (RecordBatch batch = ArrowColumns.Batch(1_000, MemoryAllocator.Default.Value))
        {
            RecordBatch clone = batch.Clone(_allocator);
            using (clone)
            {
                AssertSame(batch, clone);
                Assert.True(_heap.GetStatistics().LiveBlocks > batch.ColumnCount);
            }
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void SumsOverTheValuesAreThoseOfArrowsOwnAllocator()
    {
        using RecordBatch own = ArrowColumns.Batch(10_000, MemoryAllocator.Default.Value);
        using RecordBatch ours = ArrowColumns.Batch(10_000, _allocator);
        Assert.Equal(Sum(own), Sum(ours));

        static long Sum(RecordBatch batch)
        {
            Int32Array column = (Int32Array)batch.Column(0);
            return Enumerable.Range(0, column.Length).Sum(row => (long)(column.GetValue(row) ?? 0));
        }
    }

    [Fact]
    public async Task ABatchMayBeDisposedOnAnotherThread()
    {
        for (int i = 0; i < 50; i++)
        {
            RecordBatch batch = ArrowColumns.Batch(1_000, _allocator);
            await Task.Run(batch.Dispose);
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    // Arrow leaves what it has read to finalizers where a stream ends too early. Here that stays until its heap ends.
    [Fact]
    public async Task WhatABrokenStreamLeavesEndsWithItsHeap()
    {
        using MemoryStream whole = new();
        using (RecordBatch batch = ArrowColumns.Batch(1_000, _allocator))
        {
            using ArrowStreamWriter writer = new(whole, batch.Schema, leaveOpen: true);
            await writer.WriteRecordBatchAsync(batch);
            await writer.WriteEndAsync();
        }

        byte[] bytes = whole.ToArray();
        int failed = 0;
        for (int length = 0; length < bytes.Length; length += Math.Max(1, bytes.Length / 50))
        {
            HakmemAllocator heap = new();
            RecordBatch? batch = null;
            try
            {
                using BufferedStream plain = new(new MemoryStream(bytes, 0, length));
                using ArrowStreamReader reader = new(plain, new HakmemArrowAllocator(heap), leaveOpen: true);
                batch = await reader.ReadNextRecordBatchAsync();
            }
            catch (Exception broken) when (broken is not XunitException)
            {
                failed++;
            }

            heap.Dispose();
            batch?.Dispose();
        }

        Assert.True(failed > 10, $"Only {failed} streams were refused.");
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    private static void AssertSame(RecordBatch expected, RecordBatch actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int column = 0; column < expected.ColumnCount; column++)
        {
            AssertSame(expected.Column(column), actual.Column(column));
        }
    }

    private static void AssertSame(IArrowArray expected, IArrowArray actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.Equal(expected.Data.DataType.TypeId, actual.Data.DataType.TypeId);
        for (int row = 0; row < expected.Length; row++)
        {
            Assert.Equal(expected.IsNull(row), actual.IsNull(row));
            if (!expected.IsNull(row))
            {
                Assert.Equal(Text(expected, row), Text(actual, row));
            }
        }
    }

    private static string Text(IArrowArray array, int row) => array switch
    {
        DictionaryArray dictionary =>
            Text(dictionary.Dictionary, ((Int32Array)dictionary.Indices).GetValue(row)!.Value),
        StructArray structure => string.Join("|", structure.Fields.Select(field => Text(field, row))),
        ListArray list => Text(list, row),
        BinaryArray binary and not StringArray => Convert.ToHexString(binary.GetBytes(row)),
        StringArray text => text.GetString(row),
        StringViewArray text => text.GetString(row),
        Int32Array numbers => $"{numbers.GetValue(row)}",
        Int64Array numbers => $"{numbers.GetValue(row)}",
        DoubleArray numbers => $"{numbers.GetValue(row):R}",
        BooleanArray bits => $"{bits.GetValue(row)}",
        Decimal128Array numbers => $"{numbers.GetValue(row)}",
        TimestampArray times => $"{times.GetTimestamp(row):O}",
        Date32Array dates => $"{dates.GetDateTime(row):O}",
        _ => throw new NotSupportedException(array.GetType().Name),
    };

    private static string Text(ListArray list, int row)
    {
        // The slice shares its buffers with the list, and its disposal would dispose them.
        IArrowArray values = list.GetSlicedValues(row);
        IEnumerable<string> texts = Enumerable.Range(0, values.Length).Select(i => Text(values, i));
        return string.Join(",", texts);
    }
}
