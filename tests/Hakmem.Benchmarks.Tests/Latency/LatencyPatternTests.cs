using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Latency;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Latency;

public sealed class LatencyPatternTests
{
    public static TheoryData<string> Patterns => new(LatencyCatalog.All.Select(pattern => pattern.Name));

    // A warm-up that repeats what is measured leaves each block what it will need.
    [Theory]
    [MemberData(nameof(Patterns))]
    public void MeasuredRunDoesNotRepeatTheRunBefore(string name)
    {
        WorkloadBody body = LatencyCatalog.Find(name).ForBuffer<SizeRecorder>()!;
        int[] first = SizesOf(body);
        int[] second = SizesOf(body);

        Assert.True(first.Length > 100 && second.Length > 100);
        int same = first.Zip(second).Count(pair => pair.First == pair.Second);
        Assert.True(same < first.Length / 4, $"{same} of {first.Length} sizes are those of the run before.");
    }

    private static int[] SizesOf(WorkloadBody body)
    {
        SizeRecorder.Sizes.Clear();
        body(2_000);
        return [.. SizeRecorder.Sizes];
    }

    private readonly struct SizeRecorder : IBufferSubject<SizeRecorder>
    {
        public static List<int> Sizes { get; } = [];

        public static SizeRecorder Rent(int byteCount)
        {
            Sizes.Add(byteCount);
            return default;
        }

        public void Touch(int byteCount)
        {
        }

        public void Return()
        {
        }
    }
}
