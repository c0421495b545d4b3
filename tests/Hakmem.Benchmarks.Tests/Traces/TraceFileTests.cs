using System;
using System.IO;
using System.Linq;
using CsCheck;
using Hakmem.Benchmarks.Traces;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Traces;

public sealed class TraceFileTests
{
    private static readonly byte[] s_small = TraceFile.ToBytes(TestTraces.Random(seed: 1, count: 60));

    [Fact]
    public void WhatIsWrittenIsReadBack() =>
        Gen.Select(TestTraces.Step.Array[0, 200], Gen.String[0, 40]).Sample(
            (steps, description) =>
            {
                // Half a surrogate pair is no text.
                string text = description.Any(char.IsSurrogate) ? "?" : description;
                Trace written = new(text, TestTraces.Events(steps));
                Trace read = TraceFile.FromBytes(TraceFile.ToBytes(written));
                return read.Description == text
                    && read.Events.SequenceEqual(written.Events)
                    && (read.ThreadCount, read.BlockCount, read.MaximumLiveBytes)
                        == (written.ThreadCount, written.BlockCount, written.MaximumLiveBytes);
            },
            iter: 150,
            threads: 1);

    [Fact]
    public void ATraceHasItsCounts()
    {
        Trace trace = new("", [
            new(TraceEventKind.Allocate, 0, 0, 100, 5),
            new(TraceEventKind.AllocateZeroed, 1, 1, 50, 6),
            new(TraceEventKind.Resize, 0, 0, 20, 6),
            new(TraceEventKind.Free, 1, 0, 0, 1_000_005),
        ]);
        Assert.Equal(
            (2, 2, 150L, 1),
            (trace.ThreadCount, trace.BlockCount, trace.MaximumLiveBytes, trace.EndLiveBlockCount));
        Assert.Equal(TimeSpan.FromSeconds(1), trace.Duration);
    }

    [Fact]
    public void AFileThatEndsTooEarlyIsAnErrorAtEveryLength()
    {
        for (int length = 0; length < s_small.Length; length++)
        {
            AssertWrong(s_small[..length]);
        }
    }

    [Fact]
    public void AFileWithAChangedByteIsAnErrorAtEveryByte()
    {
        for (int i = 0; i < s_small.Length; i++)
        {
            byte[] changed = [.. s_small];
            changed[i] ^= 0x10;
            AssertWrong(changed);
        }
    }

    // As a writer with a fault would leave it: the checksum is right.
    [Fact]
    public void ContentThatEndsTooEarlyIsAnErrorAtEveryLength()
    {
        byte[] payload = TestTraces.PayloadOf(s_small);
        Assert.Equal(60, TraceFile.FromBytes(TestTraces.FileOf(payload)).Events.Length);
        for (int length = 0; length < payload.Length; length++)
        {
            AssertWrong(TestTraces.FileOf(payload[..length]));
        }

        AssertWrong(TestTraces.FileOf([.. payload, 0]));
    }

    // Any other value may by chance be a trace as well, but never another exception.
    [Fact]
    public void ChangedContentIsATraceOrAnError()
    {
        byte[] payload = TestTraces.PayloadOf(s_small);
        Random random = new(3);
        int errors = 0;
        for (int i = 0; i < payload.Length; i++)
        {
            byte[] changed = [.. payload];
            changed[i] = (byte)random.Next(256);
            try
            {
                TraceFile.FromBytes(TestTraces.FileOf(changed));
            }
            catch (InvalidDataException)
            {
                errors++;
            }
        }

        Assert.True(errors > payload.Length / 2, $"{errors} of {payload.Length}");
    }

    [Fact]
    public void AnotherFileIsNoTrace() =>
        Assert.Contains("no trace", AssertWrong([.. "PK nothing of the kind"u8, .. s_small]), StringComparison.Ordinal);

    [Fact]
    public void AnotherVersionIsNamed()
    {
        byte[] newer = [.. s_small];
        newer[8] = 2;
        Assert.Contains("version 2", AssertWrong(newer), StringComparison.Ordinal);
    }

    [Fact]
    public void UncompressedContentIsAnError() =>
        AssertWrong(TestTraces.FileOfBody([.. Enumerable.Range(0, 200).Select(i => (byte)(i * 37))]));

    [Fact]
    public void AHeaderWithOtherCountsIsAnError()
    {
        // The description is behind its length, then come the numbers of events and threads.
        byte[] payload = TestTraces.PayloadOf(s_small);
        int threads = 1 + "random".Length + 1;
        Assert.Equal(4, payload[threads]);
        payload[threads] = 5;
        Assert.Contains("header", AssertWrong(TestTraces.FileOf(payload)), StringComparison.Ordinal);
    }

    [Fact]
    public void AnErrorNamesTheFile()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, s_small[..50]);
            Assert.StartsWith(
                path,
                Assert.Throws<InvalidDataException>(() => TraceFile.Read(path)).Message,
                StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    public static TheoryData<string, int, int, int, long, long> ImpossibleEvents => new()
    {
        // After an allocation of block 0 and a free of it, and an allocation of block 1, by thread 0 at 10 us.
        { "not live", 3, 0, 0, 0, 10 },
        { "not live", 2, 0, 0, 8, 10 },
        { "not live", 3, 0, 2, 0, 10 },
        { "not live", 3, 0, -1, 0, 10 },
        { "next number", 0, 0, 1, 8, 10 },
        { "next number", 1, 0, 3, 8, 10 },
        { "impossible size", 0, 0, 2, -1, 10 },
        { "impossible size", 2, 0, 1, (1L << 40) + 1, 10 },
        { "impossible size", 3, 0, 1, 8, 10 },
        { "unknown kind", 4, 0, 1, 0, 10 },
        { "thread 2", 3, 2, 1, 0, 10 },
        { "thread -1", 3, -1, 1, 0, 10 },
        { "9 us", 3, 0, 1, 0, 9 },
        { "us, after", 3, 0, 1, 0, long.MaxValue },
    };

    [Theory]
    [MemberData(nameof(ImpossibleEvents))]
    public void WhatNoProgramDoesIsAnError(
        string why, int kind, int thread, int block, long byteCount, long microseconds)
    {
        TraceEvent[] events =
        [
            new(TraceEventKind.Allocate, 0, 0, 8, 10), new(TraceEventKind.Free, 0, 0, 0, 10),
            new(TraceEventKind.Allocate, 0, 1, 8, 10),
            new((TraceEventKind)kind, thread, block, byteCount, microseconds),
        ];
        InvalidDataException wrong = Assert.Throws<InvalidDataException>(() => new Trace("", events));
        Assert.StartsWith("Event 3 ", wrong.Message, StringComparison.Ordinal);
        Assert.Contains(why, wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MoreLiveBytesThanAddressesAreAnError()
    {
        TraceEvent[] events =
            [.. Enumerable.Range(0, 129).Select(i => new TraceEvent(TraceEventKind.Allocate, 0, i, 1L << 40, 0))];
        Assert.Equal(1L << 47, new Trace("", events[..128]).MaximumLiveBytes);
        Assert.Throws<InvalidDataException>(() => new Trace("", events));
    }

    private static string AssertWrong(byte[] file) =>
        Assert.Throws<InvalidDataException>(() => TraceFile.FromBytes(file)).Message;
}
