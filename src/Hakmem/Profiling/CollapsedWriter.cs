using System.Globalization;
using System.Text;

namespace Hakmem.Profiling;

// A profile as "collapsed stacks" (github.com/brendangregg/FlameGraph): a line for each stack, outermost frame first.
internal static class CollapsedWriter
{
    public static string Write(HeapProfile profile, HeapProfileValue value)
    {
        StringBuilder text = new();
        foreach (HeapProfileSample sample in profile.Samples)
        {
            long number = sample.ValueOf(value);
            if (number <= 0)
            {
                continue;
            }

            for (int i = sample.Frames.Count - 1; i >= 0; i--)
            {
                text.Append(sample.Frames[i].Replace(';', ':')).Append(i > 0 ? ';' : ' ');
            }

            text.Append(number.ToString(CultureInfo.InvariantCulture)).Append('\n');
        }

        return text.ToString();
    }
}
