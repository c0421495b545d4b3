using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Hakmem.Profiling;

// A profile in speedscope's format (github.com/jlfwong/speedscope, file-format-spec.ts): "sampled" profiles, in which a
// stack is a list of frames from the outermost one on.
internal static class SpeedscopeWriter
{
    private static readonly (HeapProfileValue Value, string Name, string Unit)[] s_profiles =
    [
        (HeapProfileValue.AllocatedObjects, "alloc_objects", "none"),
        (HeapProfileValue.AllocatedBytes, "alloc_space", "bytes"),
        (HeapProfileValue.InUseObjects, "inuse_objects", "none"),
        (HeapProfileValue.InUseBytes, "inuse_space", "bytes"),
    ];

    public static byte[] Write(HeapProfile profile)
    {
        Dictionary<string, int> frames = new(StringComparer.Ordinal);
        StringBuilder names = new();
        StringBuilder profiles = new();
        foreach ((HeapProfileValue value, string name, string unit) in s_profiles)
        {
            profiles.Append(profiles.Length > 0 ? "," : string.Empty);
            Append(profiles, profile, value, frames, names);
            profiles.Append(",\"type\":\"sampled\",\"name\":\"").Append(name).Append("\",\"unit\":\"").Append(unit)
                .Append("\"}");
        }

        StringBuilder text = new();
        text.Append("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\"shared\":{\"frames\":[")
            .Append(names).Append("]},\"profiles\":[").Append(profiles)
            .Append("],\"name\":\"Hakmem heap\",\"activeProfileIndex\":3,\"exporter\":\"Hakmem\"}");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    // Writes the begin of an object: the samples of one value, with their weights and the sum.
    private static void Append(
        StringBuilder text, HeapProfile profile, HeapProfileValue value, Dictionary<string, int> frames,
        StringBuilder names)
    {
        StringBuilder weights = new();
        long sum = 0;
        text.Append("{\"samples\":[");
        foreach (HeapProfileSample sample in profile.Samples)
        {
            long weight = sample.ValueOf(value);
            if (weight <= 0)
            {
                continue;
            }

            text.Append(weights.Length > 0 ? ",[" : "[");
            for (int i = sample.Frames.Count - 1; i >= 0; i--)
            {
                text.Append(Text(IndexOf(sample.Frames[i], frames, names))).Append(i > 0 ? "," : string.Empty);
            }

            text.Append(']');
            weights.Append(weights.Length > 0 ? "," : string.Empty).Append(Text(weight));
            sum += weight;
        }

        text.Append("],\"weights\":[").Append(weights).Append("],\"startValue\":0,\"endValue\":").Append(Text(sum));
    }

    private static int IndexOf(string frame, Dictionary<string, int> frames, StringBuilder names)
    {
        if (!frames.TryGetValue(frame, out int index))
        {
            index = frames.Count;
            frames.Add(frame, index);
            names.Append(index > 0 ? ",{\"name\":\"" : "{\"name\":\"");
            AppendEscaped(names, frame);
            names.Append("\"}");
        }

        return index;
    }

    // Compilers may put any character into the name of a method.
    private static void AppendEscaped(StringBuilder text, string name)
    {
        foreach (char each in name)
        {
            if (each is '"' or '\\' or < ' ' || char.IsSurrogate(each))
            {
                text.Append("\\u").Append(((int)each).ToString("x4", CultureInfo.InvariantCulture));
            }
            else
            {
                text.Append(each);
            }
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
