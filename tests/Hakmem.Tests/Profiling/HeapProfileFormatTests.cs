using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using Xunit;

namespace Hakmem.Tests.Profiling;

public sealed class HeapProfileFormatTests
{
    private static readonly HeapProfile s_profile = Profile(
        Sample("   at A.Inner\n   at A.Outer\n", 10, 1_000, 5, 500),
        Sample("   at B.\"Odd\\;é\"\n   at A.Outer\n", 300, 70_000, 0, 0),
        Sample(string.Empty, 1, 2, 1, 2));

    private static readonly string[] s_types = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];

    [Fact]
    public void PprofHasTheFourTypesAndEverySample()
    {
        using MemoryStream stream = new();
        s_profile.WritePprof(stream);
        PprofReader read = PprofReader.Read(stream.ToArray());
        Assert.Equal(s_types, read.SampleTypes.Select(type => type.Name));
        Assert.Equal(["count", "bytes", "count", "bytes"], read.SampleTypes.Select(type => type.Unit));
        Assert.Equal(("space", "bytes"), read.PeriodType);
        Assert.Equal(4_096, read.Period);
        Assert.Equal("inuse_space", read.DefaultType);
        Assert.Equal(5_000_000_000, read.DurationNanos);
        Assert.Equal(1_700_000_000_000_000_000, read.TimeNanos);
        Assert.Equal(3, read.Samples.Count);
        Assert.Equal(["A.Inner", "A.Outer"], read.Samples[0].Frames);
        Assert.Equal([10, 1_000, 5, 500], read.Samples[0].Values);
        Assert.Equal(["B.\"Odd\\;é\"", "A.Outer"], read.Samples[1].Frames);
        Assert.Equal(["(unknown)"], read.Samples[2].Frames);
    }

    [Fact]
    public void PprofHasTheTagAsALabel()
    {
        HeapProfile profile = Profile(
            Sample("tag tenants/7 é\n   at A.Inner\n   at A.Outer\n", 1, 10, 1, 10),
            Sample("   at A.Inner\n   at A.Outer\n", 2, 20, 2, 20),
            Sample("tag unknown\n", 3, 30, 3, 30));
        using MemoryStream stream = new();
        profile.WritePprof(stream);
        PprofReader read = PprofReader.Read(stream.ToArray());
        Assert.Equal(["tenants/7 é", null, "unknown"], read.Samples.Select(sample => sample.Tag));
        Assert.Equal(["A.Inner", "A.Outer"], read.Samples[0].Frames);
        Assert.Equal(["(unknown)"], read.Samples[2].Frames);
        Assert.Equal("   at A.Inner\n   at A.Outer\n", profile.Samples[0].StackText);
    }

    [Fact]
    public void SubtractKeepsTagsApart()
    {
        HeapProfile earlier = Profile(Sample("tag a\n   at A.Inner\n", 1, 10, 1, 10));
        HeapProfile later = Profile(
            Sample("tag a\n   at A.Inner\n", 2, 20, 2, 20), Sample("tag b\n   at A.Inner\n", 4, 40, 4, 40));
        Assert.Equal(
            [("b", 40L), ("a", 10L)],
            later.Subtract(earlier).Samples.Select(sample => (sample.Tag, sample.InUseBytes)));
    }

    [Fact]
    public void SpeedscopeHasAProfileForEachType()
    {
        using MemoryStream stream = new();
        s_profile.WriteSpeedscope(stream);
        using JsonDocument read = JsonDocument.Parse(stream.ToArray());
        JsonElement frames = read.RootElement.GetProperty("shared").GetProperty("frames");
        string[] names = [.. frames.EnumerateArray().Select(frame => frame.GetProperty("name").GetString()!)];
        Assert.Contains("B.\"Odd\\;é\"", names);
        JsonElement[] profiles = [.. read.RootElement.GetProperty("profiles").EnumerateArray()];
        Assert.Equal(s_types, profiles.Select(profile => profile.GetProperty("name").GetString()));
        JsonElement live = profiles[read.RootElement.GetProperty("activeProfileIndex").GetInt32()];
        Assert.Equal("inuse_space", live.GetProperty("name").GetString());
        Assert.Equal([500, 2], live.GetProperty("weights").EnumerateArray().Select(weight => weight.GetInt64()));
        Assert.Equal(502, live.GetProperty("endValue").GetInt64());
        JsonElement first = live.GetProperty("samples")[0];
        Assert.Equal(["A.Outer", "A.Inner"], first.EnumerateArray().Select(index => names[index.GetInt32()]));
    }

    [Theory]
    [InlineData(HeapProfileValue.InUseBytes, "A.Outer;A.Inner 500\n(unknown) 2\n")]
    [InlineData(HeapProfileValue.InUseObjects, "A.Outer;A.Inner 5\n(unknown) 1\n")]
    [InlineData(HeapProfileValue.AllocatedObjects, "A.Outer;A.Inner 10\nA.Outer;B.\"Odd\\:é\" 300\n(unknown) 1\n")]
    public void CollapsedStacksAreALineEach(HeapProfileValue value, string expected)
    {
        using StringWriter writer = new();
        s_profile.WriteCollapsed(writer, value);
        Assert.Equal(expected, writer.ToString());
    }

    [Fact]
    public void SubtractLeavesWhatHasChanged()
    {
        HeapProfile earlier = Profile(
            Sample("   at A.Inner\n   at A.Outer\n", 4, 400, 8, 800), Sample(string.Empty, 1, 2, 1, 2));
        HeapProfile change = s_profile.Subtract(earlier);
        Assert.Equal(2, change.Samples.Count);
        HeapProfileSample inner = Assert.Single(change.Samples, sample => sample.Frames[0] == "A.Inner");
        Assert.Equal((6, 600, -3, -300), Figures(inner));
        Assert.Equal(-300, change.InUseBytes);
        Assert.Equal(70_600, change.AllocatedBytes);

        using MemoryStream stream = new();
        change.WritePprof(stream);
        Assert.Contains(PprofReader.Read(stream.ToArray()).Samples, sample => sample.Values[3] == -300);
    }

    [Fact]
    public void NothingIsWrittenToAStreamThatRefuses()
    {
        using MemoryStream stream = new(new byte[10], writable: true);
        Assert.Throws<NotSupportedException>(() => s_profile.WritePprof(stream));
        Assert.Equal(0, stream.Position);
        Assert.Throws<ArgumentNullException>(() => s_profile.WriteSpeedscope(null!));
        Assert.Throws<ArgumentNullException>(() => s_profile.WriteCollapsed(null!));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => s_profile.WriteCollapsed(TextWriter.Null, (HeapProfileValue)4));
    }

    private static (long, long, long, long) Figures(HeapProfileSample sample) =>
        (sample.AllocatedObjects, sample.AllocatedBytes, sample.InUseObjects, sample.InUseBytes);

    private static HeapProfileSample Sample(string stack, long objects, long bytes, long liveObjects, long liveBytes) =>
        new(stack)
        {
            AllocatedObjects = objects,
            AllocatedBytes = bytes,
            InUseObjects = liveObjects,
            InUseBytes = liveBytes,
        };

    private static HeapProfile Profile(params IReadOnlyList<HeapProfileSample> samples)
    {
        DateTime time = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddSeconds(1_700_000_000);
        return new HeapProfile(samples, new HeapProfileOrigin(time, TimeSpan.FromSeconds(5), 4_096, LostSamples: 0));
    }
}
