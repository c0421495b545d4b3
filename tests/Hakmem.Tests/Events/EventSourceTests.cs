using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.Tracing;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tests.Children;
using Hakmem.Tests.Support;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using Microsoft.Diagnostics.Tracing.Etlx;
using Xunit;

namespace Hakmem.Tests.Events;

// The events of the source `Hakmem`, each in a process that gives it a cause: to a listener in the process, to another
// process that attaches, and in the file that the runtime writes, with stacks.
[Category(TestCategory.Child)]
public sealed class EventSourceTests
{
    private static readonly string[] s_names =
    [
        "AllocationRefused", "BlockSampled", "CacheAdopted", "CorruptionFound", "DecayPass", "LeakFound",
        "MemoryPurged", "SampledBlockFreed", "SuperSlabsCommitted", "SuperSlabsReleased",
    ];

    [Fact]
    public void AListenerHearsEachEventAndDoesNoHarm()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.Events, [EventsScenario.Listen]);
        child.AssertSucceeded();
        string[] lines = child.Output.Split('\n');
        string[] events = [.. lines.Where(line => line.StartsWith("event: ", StringComparison.Ordinal))];
        Assert.Subset(events.Select(line => line.Split(' ')[1]).ToHashSet(), s_names.ToHashSet());
        long limit = EventsScenario.RefusedBytes / 2;
        string refusal = Assert.Single(events, line => line.Contains("AllocationRefused", StringComparison.Ordinal));
        Assert.Matches($" [0-9]+ {EventsScenario.RefusedBytes} {limit / 2} {limit}$", refusal);
        Assert.Contains($"event: LeakFound {EventsScenario.LeakedBytes}", events);
        Assert.Contains($"event: LeakFound {EventsScenario.LeakedStreamBytes}", events);
        string sampled = Assert.Single(
            events, line => line.StartsWith("event: BlockSampled ", StringComparison.Ordinal) &&
                line.EndsWith($" {EventsScenario.SampledBytes} 1", StringComparison.Ordinal));
        Assert.Contains($"event: SampledBlockFreed {sampled.Split(' ')[2]} {EventsScenario.SampledBytes}", events);

        // Each block that was sampled and freed ends, also one whose pages were moved.
        Assert.Equal(2, events.Count(line => line.StartsWith("event: BlockSampled ", StringComparison.Ordinal) &&
            line.Contains($" {EventsScenario.MovedBytes} ", StringComparison.Ordinal)));
        Assert.Equal(2, events.Count(line => line.StartsWith("event: SampledBlockFreed ", StringComparison.Ordinal) &&
            line.EndsWith($" {EventsScenario.MovedBytes}", StringComparison.Ordinal)));
        string found = lines.Single(line => line.StartsWith("found: ", StringComparison.Ordinal))[7..];
        Assert.Contains(
            events, line => line.StartsWith($"event: CorruptionFound {found}", StringComparison.Ordinal));
        Assert.Equal(4, child.Figure("live"));
    }

    // The magazines hide blocks from the sampled thread; a nested allocation must find them as they are.
    [Theory]
    [InlineData("")]
    [InlineData(SamplingListenerScenario.EndsProfilers)]
    public void AListenerMayAllocateWhatIsBeingSampled(string what)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.SamplingListener, what.Length == 0 ? [] : [what]);
        child.AssertSucceeded();
        Assert.InRange(child.Figure("nested"), 1_000, int.MaxValue);
        Assert.Equal(0, child.Figure("live"));
        Assert.Equal(1, child.Figure("sound"));
    }

    [Fact]
    public void ThreadsThatMakeTheSourceAtOnceLeaveOneThatWorks()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.Events, [EventsScenario.Race]);
        child.AssertSucceeded();
        Assert.Equal(10, child.Figure("refusals"));
    }

    // A tool that attaches to a program with few blocks has the runtime collect, and finds the source then. After an
    // earlier collection of all generations, one of the youngest is enough.
    [Theory]
    [InlineData(EventsScenario.Small)]
    [InlineData(EventsScenario.SmallAfterCollection)]
    public void ASmallProgramHasTheSourceAfterACollection(string scenario)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.Events, [scenario]);
        child.AssertSucceeded();
        Assert.Equal(0, child.Figure("first"));
        Assert.Equal(Math.Min(child.Figure("collections"), 1), child.Figure("youngest"));
        Assert.True(scenario == EventsScenario.Small || child.Figure("collections") > 0);
        Assert.Equal(1, child.Figure("all"));
    }

    [Fact]
    public void WithoutAListenerNothingIsRaised()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.Events);
        child.AssertSucceeded();
        Assert.DoesNotContain("event: ", child.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Needs(SystemNeed.Linux)]
    public async Task AnotherProcessHearsThemThroughTheEventPipe()
    {
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        ProcessStartInfo start = ChildProcess.StartInfoOf(["child", ChildScenarios.Events, EventsScenario.Wait]);
        start.RedirectStandardInput = true;
        using Process process = Process.Start(start)!;
        Assert.Equal("ready", await process.StandardOutput.ReadLineAsync(cancelled));
        EventPipeProvider provider = new("Hakmem", EventLevel.Verbose, -1);
        using EventPipeSession session = new DiagnosticsClient(process.Id).StartEventPipeSession(provider);
        using MemoryStream stream = new();
        Task copied = session.EventStream.CopyToAsync(stream, cancelled);
        await process.StandardInput.WriteLineAsync();
        string rest = await process.StandardOutput.ReadToEndAsync(cancelled);
        await process.WaitForExitAsync(cancelled);
        await copied;
        Assert.True(process.ExitCode == 0, rest);
        stream.Position = 0;
        Assert.Subset(NamesIn(stream), s_names.ToHashSet());
    }

    [Fact]
    [Needs(SystemNeed.Linux)]
    public void TheRuntimesTraceHasStacks()
    {
        string trace = Path.Combine(Path.GetTempPath(), $"hakmem-{Guid.NewGuid():N}.nettrace");
        try
        {
            ChildResult child = ChildProcess.Run(ChildScenarios.Events, environment: new Dictionary<string, string>
            {
                ["DOTNET_EnableEventPipe"] = "1",
                ["DOTNET_EventPipeConfig"] = "Hakmem:FFFFFFFF:5,Microsoft-Windows-DotNETRuntime:10:4",
                ["DOTNET_EventPipeOutputPath"] = trace,
            });
            child.AssertSucceeded();
            string etlx = TraceLog.CreateFromEventPipeDataFile(trace);
            using (TraceLog log = new(etlx))
            {
                TraceEvent refusal = Assert.Single(log.Events, written => written.EventName == "AllocationRefused");
                List<string> frames = [];
                for (TraceCallStack? at = refusal.CallStack(); at is not null; at = at.Caller)
                {
                    frames.Add(at.CodeAddress.FullMethodName);
                }

                Assert.Contains(frames, frame => frame.Contains("UseLargeBlocks", StringComparison.Ordinal));
            }

            File.Delete(etlx);
        }
        finally
        {
            File.Delete(trace);
        }
    }

    private static HashSet<string> NamesIn(Stream stream)
    {
        HashSet<string> names = [];
        using EventPipeEventSource source = new(stream);
        source.Dynamic.All += written =>
        {
            if (written.ProviderName == "Hakmem")
            {
                names.Add(written.EventName);
            }
        };
        source.Process();
        return names;
    }
}
