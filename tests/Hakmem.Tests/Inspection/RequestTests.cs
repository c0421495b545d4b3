using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading;
using Hakmem.Events;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Inspection;

// The requests of the event source, made from within. tests/Hakmem.Tool.Tests makes them from another process.
[Collection(AloneCollection.Name)]
[Category(TestCategory.Stress)]
public sealed unsafe class RequestTests : IDisposable
{
    // What is free stays dirty, but for a request to trim.
    private readonly HakmemAllocator _heap = new(new HakmemOptions
    {
        PurgeDelay = TimeSpan.FromHours(1),
        SuperSlabCacheTtl = TimeSpan.FromHours(1),
    });

    private readonly IDisposable _metrics;
    private readonly string _name = $"request-{Guid.NewGuid():N}";

    public RequestTests() => _metrics = HakmemMetrics.Register(_heap, _name);

    public void Dispose()
    {
        _metrics.Dispose();
        _heap.Dispose();
    }

    [Fact]
    public void StatisticsAreThoseOfTheHeap()
    {
        void* block = _heap.Alloc(100_000);
        using RequestListener listener = new();
        JsonElement heap = HeapOf(listener.Answer(listener.Ask("statistics", ("Heap", _name))));
        HakmemStatistics own = _heap.GetStatistics();
        Assert.Equal(_heap.Slot, heap.GetProperty("slot").GetInt32());
        Assert.Equal(own.LiveBytes, heap.GetProperty("liveBytes").GetInt64());
        Assert.Equal(own.CommittedBytes, heap.GetProperty("committedBytes").GetInt64());
        Assert.Equal(own.SizeClasses.Count, heap.GetProperty("sizeClasses").GetArrayLength());
        _heap.Free(block);
    }

    // A figure that a record of statistics has gets an answer's member of the same name; of a time, in milliseconds.
    [Fact]
    public void EveryFigureOfTheStatisticsIsInTheAnswer()
    {
        using RequestListener listener = new();
        JsonElement heap = HeapOf(listener.Answer(listener.Ask("statistics", ("Heap", _name))));
        foreach (PropertyInfo property in typeof(HakmemStatistics).GetProperties())
        {
            string name = char.ToLowerInvariant(property.Name[0]) + property.Name[1..] +
                (property.PropertyType == typeof(TimeSpan) ? "Ms" : "");
            Assert.True(heap.TryGetProperty(name, out _), name);
        }
    }

    [Fact]
    public void ReportsOfMisuseAreInTheAnswer()
    {
        void* block = _heap.Alloc(3 << 20);
        _heap.Free(block);
        Assert.Throws<HakmemCorruptionException>(() => _heap.Free(block));
        using RequestListener listener = new();
        JsonElement heap = HeapOf(listener.Answer(listener.Ask("statistics", ("Heap", _name))));
        Assert.InRange(heap.GetProperty("corruptionReports").GetInt64(), 1, _heap.GetStatistics().CorruptionReports);
    }

    [Fact]
    public void WhatAProfilerEstimatesIsInTheAnswer()
    {
        using HakmemProfiler profiler = HakmemProfiler.Start(_heap, 1);
        void* live = _heap.Alloc(3 << 20);
        _heap.Free(_heap.Alloc(2 << 20));
        using RequestListener listener = new();
        JsonElement heap = HeapOf(listener.Answer(listener.Ask("statistics", ("Heap", _name))));
        Assert.Equal(2, heap.GetProperty("sampledBlocks").GetInt64());
        Assert.Equal(5 << 20, heap.GetProperty("allocatedBytes").GetInt64());
        Assert.Equal(2 << 20, heap.GetProperty("freedBytes").GetInt64());
        _heap.Free(live);
    }

    // Runtimes before .NET 8 bring the arguments of an ended session again while another is open.
    [Fact]
    public void ARequestThatIsBroughtAgainIsServedOnce()
    {
        using RequestListener listener = new();
        string id = listener.Ask("heaps");
        listener.Answer(id);
        listener.Stop();
        listener.Send(id, "heaps");
        for (int i = 0; i < 3; i++)
        {
            listener.Answer(listener.Ask("heaps"));
        }

        Thread.Sleep(200);
        Assert.Single(listener.Of(id, "RequestAccepted"));
        Assert.Single(listener.Of(id, "AnswerPart"));
    }

    // From inside a container a live client looks the same.
    [Theory]
    [InlineData("profile", "Seconds", "600")]
    [InlineData("watch", "IntervalMs", "60000")]
    public void ARequestOfAClientThatCannotBeSeenIsBounded(string request, string argument, string value)
    {
        using Process client = Process.Start(
            OperatingSystem.IsWindows() ? "ping" : "sleep", OperatingSystem.IsWindows() ? "-n 1 127.0.0.1" : "0");
        client.WaitForExit();
        using RequestListener listener = new();
        string id = listener.Ask(request, ("Heap", _name), (argument, value), ("Client", $"{client.Id}"));
        Assert.Equal(RequestException.ClientUnseen, listener.Refusal(id).Code);
        Assert.False(IsProfiled);
        JsonElement brief = listener.Answer(
            listener.Ask("profile", ("Heap", _name), ("Seconds", "1"), ("Client", $"{client.Id}")));
        Assert.Equal(_name, HeapOf(brief).GetProperty("name").GetString());
    }

    [Fact]
    public void AHeapIsAlsoFoundByItsSlot()
    {
        using RequestListener listener = new();
        JsonElement answer = listener.Answer(listener.Ask("statistics", ("Heap", $"{_heap.Slot}")));
        Assert.Equal(_name, HeapOf(answer).GetProperty("name").GetString());
    }

    [Fact]
    public void HeapsAreListedByName()
    {
        using RequestListener listener = new();
        JsonElement answer = listener.Answer(listener.Ask("heaps"));
        Assert.Equal(EventRequest.Protocol, answer.GetProperty("protocol").GetInt32());
        Assert.Equal(Environment.ProcessId, answer.GetProperty("processId").GetInt32());
        Assert.Contains(
            answer.GetProperty("heaps").EnumerateArray(), heap => heap.GetProperty("name").GetString() == _name);
    }

    // A large answer comes in parts: the same map as the heap's.
    [Fact]
    public void AMapInPartsIsThatOfTheHeap()
    {
        const int Slabs = 700;
        void*[] blocks = new void*[Slabs];
        for (int i = 0; i < Slabs; i++)
        {
            blocks[i] = _heap.Alloc((nuint)((2 << 20) - (i % 2 * 70_000)));
        }

        using RequestListener listener = new();
        string id = listener.Ask("map", ("Heap", _name));
        JsonElement[] slabs = [.. HeapOf(listener.Answer(id)).GetProperty("superSlabs").EnumerateArray()];
        Assert.True(listener.Of(id, "AnswerPart").Length > 1);
        HakmemHeapMap own = _heap.GetHeapMap();
        Assert.Equal(
            own.SuperSlabs.Select(slab => ((ulong)slab.Address).ToString("x")),
            slabs.Select(slab => slab[0].GetString()));
        Assert.Equal(own.SuperSlabs.Select(slab => (int)slab.Kind), slabs.Select(slab => slab[1].GetInt32()));
        Assert.Equal(own.SuperSlabs.Select(slab => slab.DirtyBytes), slabs.Select(slab => slab[3].GetInt64()));
        FreeAll(blocks);
    }

    [Fact]
    public void DirtyBytesOfAClassAreThoseOfItsSpans()
    {
        void*[] blocks = new void*[64];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = _heap.Alloc(4_096);
            *(long*)blocks[i] = i;
        }

        using RequestListener listener = new();
        JsonElement heap = HeapOf(listener.Answer(listener.Ask("statistics", ("Heap", _name))));
        JsonElement row = heap.GetProperty("sizeClasses").EnumerateArray().Single(
            row => row.GetProperty("blockBytes").GetInt64() == 4_096);
        Assert.InRange(row.GetProperty("dirtyBytes").GetInt64(), 64 * 4_096, row.GetProperty("spanBytes").GetInt64());
        long sum = heap.GetProperty("sizeClasses").EnumerateArray().Sum(
            each => each.GetProperty("dirtyBytes").GetInt64());
        Assert.InRange(sum, 1, heap.GetProperty("dirtyBytes").GetInt64());
        FreeAll(blocks);
    }

    [Fact]
    public void ALedgerIsAReport()
    {
        using RequestListener listener = new();
        JsonElement report = listener.Answer(listener.Ask("ledger")).GetProperty("report");
        Assert.Equal(
            report.GetProperty("residentBytes").GetInt64(),
            report.GetProperty("rows").EnumerateArray().Sum(row => row.GetProperty("residentBytes").GetInt64()));
    }

    // Where the machine was too slow for the profile's time, in one of twice the time.
    [Fact]
    public void AProfileKnowsHowOldItsBlocksAre()
    {
        int unit = 1;
        JsonElement[] samples;
        while (!TryProfileTwoAges(unit, out samples))
        {
            unit *= 2;
            Assert.InRange(unit, 1, 8);
        }

        JsonElement oldSample = SampleOf(samples, nameof(AllocateOld));
        JsonElement youngSample = SampleOf(samples, nameof(AllocateYoung));
        Assert.Equal(1_000, oldSample.GetProperty("oldBytes").GetInt64());
        Assert.Equal(1, oldSample.GetProperty("oldObjects").GetInt64());
        Assert.InRange(oldSample.GetProperty("oldestSeconds").GetDouble(), 2 * unit, 60 * unit);
        Assert.Equal(2_000, youngSample.GetProperty("inUseBytes").GetInt64());
        Assert.Equal(0, youngSample.GetProperty("oldBytes").GetInt64());
        Assert.True(SpinWait.SpinUntil(() => !IsProfiled, RequestListener.Limit));
    }

    [Fact]
    public void AProfileEndsWithItsSession()
    {
        using RequestListener listener = new();
        listener.Ask("profile", ("Heap", _name), ("Seconds", "600"));
        Assert.True(SpinWait.SpinUntil(() => IsProfiled, RequestListener.Limit));
        listener.Stop();
        Assert.True(SpinWait.SpinUntil(() => !IsProfiled, RequestListener.Limit));
    }

    // The runtime does not tell of a session that ends beside others.
    [Fact]
    public void AProfileEndsWithItsClient()
    {
        using Process client = Process.Start(
            OperatingSystem.IsWindows() ? "ping" : "sleep", OperatingSystem.IsWindows() ? "-n 600 127.0.0.1" : "600");
        using RequestListener listener = new();
        listener.Ask("profile", ("Heap", _name), ("Seconds", "600"), ("Client", $"{client.Id}"));
        Assert.True(SpinWait.SpinUntil(() => IsProfiled, RequestListener.Limit));
        client.Kill();
        client.WaitForExit();
        Assert.True(SpinWait.SpinUntil(() => !IsProfiled, RequestListener.Limit));
    }

    [Fact]
    public void ASecondProfileIsRefused()
    {
        using HakmemProfiler own = HakmemProfiler.Start(_heap);
        using RequestListener listener = new();
        string id = listener.Ask("profile", ("Heap", _name), ("Seconds", "1"));
        Assert.Equal(RequestException.ProfilerRuns, listener.Refusal(id).Code);
        Assert.True(IsProfiled);
    }

    // All or none: the profilers that had started end.
    [Fact]
    public void AProfileThatCannotStartForOneHeapStartsForNone()
    {
        using HakmemAllocator other = new();
        using HakmemProfiler own = HakmemProfiler.Start(other);
        using RequestListener listener = new();
        Assert.Equal(RequestException.ProfilerRuns, listener.Refusal(listener.Ask("profile", ("Seconds", "600"))).Code);
        Assert.True(SpinWait.SpinUntil(() => !IsProfiled, RequestListener.Limit));
    }

    [Fact]
    public void TrimReturnsWhatIsFree()
    {
        void*[] blocks = new void*[512];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = _heap.Alloc(16 << 10);
            *(long*)blocks[i] = i;
        }

        FreeAll(blocks);
        using RequestListener listener = new();
        JsonElement answer = listener.Answer(listener.Ask("trim", ("Heap", _name)));
        long before = HeapOf(answer.GetProperty("before")).GetProperty("dirtyBytes").GetInt64();
        long after = HeapOf(answer.GetProperty("after")).GetProperty("dirtyBytes").GetInt64();
        Assert.True(after < before, $"{before} {after}");
    }

    [Fact]
    public void LookingAllocatesNothingFromTheHeap()
    {
        void* block = _heap.Alloc(100);
        using RequestListener listener = new();
        HakmemStatistics before = _heap.GetStatistics();
        foreach (string request in new[] { "heaps", "statistics", "map", "ledger", "leaks" })
        {
            listener.Answer(listener.Ask(request));
        }

        listener.Answer(listener.Ask("profile", ("Heap", _name), ("Seconds", "0"), ("MeanSampleBytes", "1")));
        HakmemStatistics after = _heap.GetStatistics();
        Assert.Equal(before.LiveBlocks, after.LiveBlocks);
        Assert.Equal(before.CommittedBytes, after.CommittedBytes);
        Assert.Equal(before.ThreadCaches, after.ThreadCaches);
        _heap.Free(block);
    }

    // What a listener allocates is none of the profiler's, and what it throws reaches nobody.
    [Fact]
    public void AListenerThatThrowsHarmsNoRequest()
    {
        using RequestListener listener = new()
        {
            OnEvent = () =>
            {
                HakmemAllocator.Shared.Free(HakmemAllocator.Shared.Alloc(3 << 20));
                throw new InvalidOperationException("A listener failed.");
            },
        };
        JsonElement answer = listener.Answer(listener.Ask("statistics", ("Heap", _name)));
        Assert.Equal(_name, HeapOf(answer).GetProperty("name").GetString());
        _heap.Free(_heap.Alloc(100));
    }

    [Theory]
    [InlineData("nonsense", RequestException.UnknownRequest)]
    [InlineData("statistics", RequestException.NoHeap, "Heap", "no such heap")]
    [InlineData("profile", RequestException.BadArgument, "Seconds", "-1")]
    [InlineData("profile", RequestException.BadArgument, "Seconds", "x")]
    [InlineData("profile", RequestException.BadArgument, "MeanSampleBytes", "0")]
    [InlineData("watch", RequestException.BadArgument, "IntervalMs", "1")]
    [InlineData("ledger", RequestException.BadArgument, "Collect", "2")]
    public void AWrongRequestIsRefusedWithTheReason(
        string request, string code, string argument = "Other", string value = "")
    {
        using RequestListener listener = new();
        (string told, string message) = listener.Refusal(listener.Ask(request, (argument, value)));
        Assert.Equal(code, told);
        Assert.NotEmpty(message);
    }

    // An event of more than 64 KiB is dropped. Half a character is never sent.
    [Theory]
    [InlineData("")]
    [InlineData("x")]
    public void ARefusalFitsIntoAnEvent(string before)
    {
        using RequestListener listener = new();
        string wanted = before + string.Concat(Enumerable.Repeat("\U0001F600", 20_000));
        string message = listener.Refusal(listener.Ask("statistics", ("Heap", wanted))).Message;
        Assert.InRange(message.Length, 16_000, 16_384);
        Assert.False(char.IsHighSurrogate(message[^1]));
    }

    [Fact]
    public void ARefusalListsTheFirstHeapsAndCountsTheRest()
    {
        HakmemAllocator[] heaps = [.. Enumerable.Range(0, 25).Select(_ => new HakmemAllocator())];
        try
        {
            using RequestListener listener = new();
            string message = listener.Refusal(listener.Ask("statistics", ("Heap", "no such heap"))).Message;
            Assert.Equal(19, message.Count(character => character == ','));
            Assert.Matches(@"\) and \d+ more\.$", message);
        }
        finally
        {
            Array.ForEach(heaps, heap => heap.Dispose());
        }
    }

    [Fact]
    public void WhatIsNoRequestHasNoAnswer()
    {
        using RequestListener listener = new();
        listener.Send("", "statistics");
        listener.Send("no-name", "");
        string id = listener.Ask("heaps");
        listener.Answer(id);

        // A request of an ended session may still be pushing its answer on.
        Assert.Contains(listener.Events, written => (string)written.Payload![0]! == id);
        Assert.DoesNotContain(listener.Events, written => (string)written.Payload![0]! is "" or "no-name");
    }

    // The ninth waits for none of the eight.
    [Fact]
    public void TooManyRequestsAtATimeAreRefused()
    {
        using RequestListener listener = new();
        List<string> watching = [];
        for (int i = 0; i < 8; i++)
        {
            watching.Add(listener.Ask("watch", ("Heap", _name), ("IntervalMs", "60000")));
            listener.Answer(watching[i]);
        }

        string id = listener.Ask("heaps");
        Assert.Equal(RequestException.Busy, listener.Refusal(id).Code);
        listener.Stop();
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                string again = listener.Ask("heaps");
                listener.Wait(again, "RequestAccepted", _ => true);
                Thread.Sleep(200);
                return listener.Of(again, "RequestFailed").Length == 0;
            },
            RequestListener.Limit));
    }

    // A request whose heap is disposed meanwhile is answered without it, or refused.
    [Fact]
    public void HeapsMayBeDisposedMeanwhile()
    {
        using RequestListener listener = new();
        bool isDone = false;
        Thread disposing = new(() =>
        {
            while (!Volatile.Read(ref isDone))
            {
                using HakmemAllocator heap = new();
                *(long*)heap.Alloc(100_000) = 1;
                heap.Alloc(3 << 20);
            }
        });
        disposing.Start();
        try
        {
            for (int i = 0; i < 20; i++)
            {
                listener.Answer(listener.Ask("statistics"));
                listener.Answer(listener.Ask("map"));
                listener.Answer(listener.Ask("trim"));
                string profile = listener.Ask("profile", ("Seconds", "0"));
                SpinWait.SpinUntil(
                    () => listener.Of(profile, "AnswerPart").Length > 0 ||
                    listener.Of(profile, "RequestFailed").Length > 0,
                    RequestListener.Limit);

                // Another test may have left a heap with a profiler.
                Assert.All(listener.Of(profile, "RequestFailed"), failed =>
                    Assert.Equal(RequestException.ProfilerRuns, failed.Payload![1]));
            }
        }
        finally
        {
            Volatile.Write(ref isDone, true);
            disposing.Join();
        }
    }

    // Profiles for three units of some seconds, of which a block must have lived two to be old: one is allocated in the
    // first unit and one in the third. Returns false if something came too late, by the time of this thread.
    private bool TryProfileTwoAges(int unitSeconds, out JsonElement[] samples)
    {
        // Ages are known to the sixteenth of a second.
        TimeSpan slack = TimeSpan.FromMilliseconds(200);
        TimeSpan unit = TimeSpan.FromSeconds(unitSeconds);
        using RequestListener listener = new();
        long start = Stopwatch.GetTimestamp();
        string id = listener.Ask(
            "profile", ("Heap", _name), ("Seconds", $"{3 * unitSeconds}"), ("MeanSampleBytes", "1"),
            ("MinAgeMs", $"{2_000 * unitSeconds}"));
        Assert.True(SpinWait.SpinUntil(() => IsProfiled, RequestListener.Limit));
        void* old = AllocateOld();
        TimeSpan oldAt = Stopwatch.GetElapsedTime(start);
        Thread.Sleep(2 * unit);
        TimeSpan youngFrom = Stopwatch.GetElapsedTime(start);
        void* young = AllocateYoung();
        TimeSpan youngAt = Stopwatch.GetElapsedTime(start);
        samples = [.. HeapOf(listener.Answer(id)).GetProperty("samples").EnumerateArray()];
        TimeSpan end = Stopwatch.GetElapsedTime(start);
        _heap.Free(old);
        _heap.Free(young);
        return oldAt < unit - slack && youngAt < (3 * unit) - slack && end - youngFrom < (2 * unit) - slack;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* AllocateOld() => _heap.Alloc(1_000);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* AllocateYoung() => _heap.Alloc(2_000);

    private void FreeAll(void*[] blocks)
    {
        foreach (void* block in blocks)
        {
            _heap.Free(block);
        }
    }

    private bool IsProfiled => _heap.RequireHeap("be profiled").Sampler is not null;

    private static JsonElement HeapOf(JsonElement answer) =>
        Assert.Single(answer.GetProperty("heaps").EnumerateArray());

    private static JsonElement SampleOf(JsonElement[] samples, string method) => samples.Single(sample =>
        sample.GetProperty("stack").EnumerateArray().Any(
            frame => frame.GetString()!.EndsWith("." + method, StringComparison.Ordinal)));
}
