using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Tool.Profiles;

// The functions of a profile. A function has the bytes of the stacks that it called the library from as its own, and
// those of all stacks that it is in as its sum.
internal sealed record FunctionRow(string Function, long Bytes, long SumBytes, long Objects);

internal static class TopFunctions
{
    // The most that the values of one kind in a profile may be in all, with any sign. So no sum overflows, nor one of
    // the difference of two profiles.
    private const double MaxSum = 1L << 60;

    private static readonly HeapProfileValue[] s_values = Enum.GetValues<HeapProfileValue>();

    public static bool CanBeSummed(IReadOnlyList<HeapProfileSample> samples) => s_values.All(value =>
        samples.Sum(sample => Math.Abs((double)sample.ValueOf(value))) <= MaxSum);

    // What shares are of. In a difference it is all that has changed, more or less: the total may be nothing, or less
    // than that, where one stack has grown and another has shrunk.
    public static long WholeOf(HeapProfile profile, HeapProfileValue bytes) =>
        profile.Samples.Sum(sample => Math.Abs(sample.ValueOf(bytes)));

    public static FunctionRow[] Of(HeapProfile profile, HeapProfileValue bytes, HeapProfileValue objects)
    {
        Dictionary<string, FunctionRow> rows = new(StringComparer.Ordinal);
        foreach (HeapProfileSample sample in profile.Samples)
        {
            foreach (string frame in sample.Frames.Distinct(StringComparer.Ordinal))
            {
                FunctionRow row = rows.GetValueOrDefault(frame) ?? new FunctionRow(frame, 0, 0, 0);
                bool isOwn = frame == sample.Frames[0];
                rows[frame] = row with
                {
                    Bytes = row.Bytes + (isOwn ? sample.ValueOf(bytes) : 0),
                    Objects = row.Objects + (isOwn ? sample.ValueOf(objects) : 0),
                    SumBytes = row.SumBytes + sample.ValueOf(bytes),
                };
            }
        }

        return
        [
            .. rows.Values.Where(row => row.Bytes != 0 || row.SumBytes != 0).OrderByDescending(row => row.Bytes)
                .ThenByDescending(row => row.SumBytes).ThenBy(row => row.Function, StringComparer.Ordinal),
        ];
    }
}
