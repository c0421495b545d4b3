using System;
using System.Linq;
using Apache.Arrow;
using Apache.Arrow.Memory;
using Apache.Arrow.Types;

namespace Hakmem.Adapters.Tests.Arrow;

// A record batch with a column of each kind of layout that Arrow has: fixed width, bits, variable width, views, lists,
// structs, dictionaries. Null in each seventh row.
internal static class ArrowColumns
{
    public static RecordBatch Batch(int rows, MemoryAllocator allocator)
    {
        int[] numbers = [.. Enumerable.Range(0, rows)];
        Int32Array.Builder int32 = new();
        BooleanArray.Builder boolean = new();
        StringArray.Builder text = new();
        StringViewArray.Builder view = new();
        BinaryArray.Builder binary = new();
        Decimal128Array.Builder number = new(new Decimal128Type(20, 3));
        TimestampArray.Builder time = new(new TimestampType(TimeUnit.Microsecond, TimeZoneInfo.Utc));
        Date32Array.Builder date = new();
        ListArray.Builder list = new(Int64Type.Default);
        Int64Array.Builder listed = (Int64Array.Builder)list.ValueBuilder;
        foreach (int i in numbers)
        {
            if (i % 7 == 0)
            {
                int32.AppendNull();
                boolean.AppendNull();
                text.AppendNull();
                view.AppendNull();
                binary.AppendNull();
                number.AppendNull();
                time.AppendNull();
                date.AppendNull();
                list.AppendNull();
                continue;
            }

            DateTimeOffset moment = DateTimeOffset.UnixEpoch.AddMinutes(i);
            int32.Append(i);
            boolean.Append(i % 2 == 0);
            text.Append(new string((char)('a' + (i % 26)), i % 40));
            view.Append(new string((char)('A' + (i % 26)), i % 40));
            binary.Append(new byte[i % 33].AsSpan());
            number.Append(i / 8m);
            time.Append(moment);
            date.Append(moment);
            list.Append();
            listed.AppendRange(Enumerable.Range(i, i % 5).Select(value => (long)value));
        }

        Int32Array keys = new Int32Array.Builder().AppendRange(numbers.Select(i => i % 3)).Build(allocator);
        StringArray values = new StringArray.Builder().AppendRange(["red", "green", "blue"]).Build(allocator);
        DictionaryArray dictionary =
            new(new DictionaryType(Int32Type.Default, StringType.Default, ordered: false), keys, values);
        DoubleArray doubles = new DoubleArray.Builder().AppendRange(numbers.Select(i => i / 3.0)).Build(allocator);
        StructArray structure = new(
            new StructType([new Field("double", DoubleType.Default, nullable: false)]), rows, [doubles],
            ArrowBuffer.Empty, nullCount: 0);
        IArrowArray[] columns =
        [
            int32.Build(allocator), boolean.Build(allocator), text.Build(allocator), view.Build(allocator),
            binary.Build(allocator),
            number.Build(allocator), time.Build(allocator), date.Build(allocator), list.Build(allocator), dictionary,
            structure,
        ];
        Field[] fields = [.. columns.Select((column, i) => new Field($"{i}", column.Data.DataType, nullable: true))];
        return new RecordBatch(new Schema(fields, metadata: null), columns, rows);
    }
}
