using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Hakmem.Benchmarks.Traces;
using Hakmem.Benchmarks.Traces.Recording;
using Hakmem.Tests.Architecture;
using Xunit;
using Trace = Hakmem.Benchmarks.Traces.Trace;

namespace Hakmem.Benchmarks.Tests.Traces;

// The recorder of native programs (benchmarks/recorder), built here, under programs that are compiled here or
// installed.
public sealed class NativeRecorderTests : IDisposable
{
    private const string Compiler = "/usr/bin/gcc";

    // Sizes that nothing else asks for mark what the test knows.
    private const string Calls = """
        #define _GNU_SOURCE
        #include <malloc.h>
        #include <pthread.h>
        #include <stdlib.h>
        #include <sys/wait.h>
        #include <unistd.h>

        static void *free_it(void *block) { free(block); return NULL; }

        int main(void) {
          char *volatile first = malloc(10007);
          char *volatile zeroed = calloc(3, 10009);
          first = realloc(first, 20011);
          char *volatile grown = realloc(NULL, 10037);
          grown = reallocarray(grown, 2, 10037);
          void *aligned;
          if (posix_memalign(&aligned, 256, 10039) != 0 || malloc_usable_size(zeroed) < 30027) return 1;
          char *volatile other = aligned_alloc(64, 10048);
          char *volatile another = memalign(4096, 10061);
          grown = realloc(grown, 0);
          pthread_t thread;
          pthread_create(&thread, NULL, free_it, zeroed);
          pthread_join(thread, NULL);
          pid_t child = fork();
          if (child == 0) {
            char *volatile of_child = malloc(10067);
            free(of_child);
            free(first);
            _exit(0);
          }
          waitpid(child, NULL, 0);
          free(first); free(aligned); free(other); free(another);
          return grown != NULL;
        }
        """;

    // Threads that free and resize each other's blocks: only a sound order of the records gives a trace.
    private const string Exchange = """
        #include <pthread.h>
        #include <stdatomic.h>
        #include <stdlib.h>

        static _Atomic(void *) slots[64];

        static void *work(void *argument) {
          unsigned random = (unsigned)(size_t)argument;
          for (int i = 0; i < 20000; i++) {
            random = random * 1664525u + 1013904223u;
            void *block = malloc(1 + (random >> 16) % 700);
            if ((random >> 8) % 4 == 0) block = realloc(block, 1 + (random >> 12) % 900);
            free(atomic_exchange(&slots[(random >> 24) % 64], block));
          }
          return NULL;
        }

        int main(void) {
          pthread_t threads[4];
          for (size_t i = 0; i < 4; i++) pthread_create(&threads[i], NULL, work, (void *)(i + 1));
          for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
          for (size_t i = 0; i < 64; i++) free(slots[i]);
          return 0;
        }
        """;

    private readonly string _scratch = Directory.CreateTempSubdirectory("hakmem-recorder-").FullName;

    public void Dispose() => Directory.Delete(_scratch, recursive: true);

    [Fact]
    public async Task CallsOfAProgramAndItsChildAreRecorded()
    {
        await BuildAsync();
        string program = await CompileAsync("calls", Calls);
        await RunAsync(program, [], ("HAKMEM_TRACE_FILE", Path.Combine(_scratch, "%p.raw")));
        List<(string Events, RawTrace Raw)> files = [.. Directory.GetFiles(_scratch, "*.raw").Select(Convert)];
        Assert.Equal(2, files.Count);
        Assert.Equal(
            "a10007 z30027 r20011 a10037 r20074 a10039 a10048 a10061 f20074 f30027@1 f20011 f10039 f10048 f10061",
            files.Single(file => !file.Events.Contains("10067", StringComparison.Ordinal)).Events);

        // The child frees one block of its own and one from before its recording.
        (string events, RawTrace raw) = files.Single(file => file.Events.Contains("10067", StringComparison.Ordinal));
        Assert.Equal("a10067 f10067", events);
        Assert.Equal((1L, 0L, 0L), (raw.UnknownCount, raw.UnfreedCount, raw.DroppedCount));
    }

    [Fact]
    public async Task AChildIsNotRecordedIntoItsParentsFile()
    {
        await BuildAsync();
        string program = await CompileAsync("calls", Calls);
        await RunAsync(program, [], ("HAKMEM_TRACE_FILE", Path.Combine(_scratch, "one.raw")));
        Assert.DoesNotContain(
            "10067", Convert(Assert.Single(Directory.GetFiles(_scratch, "*.raw"))).Events, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ThreadsThatExchangeBlocksGiveATrace()
    {
        await BuildAsync();
        string program = await CompileAsync("exchange", Exchange);
        string file = Path.Combine(_scratch, "exchange.raw");
        await RunAsync(program, [], ("HAKMEM_TRACE_FILE", file));
        RawTrace raw = RawTrace.Read(file, int.MaxValue, "exchange", out Trace trace);
        Assert.Equal((0L, 0L, 0L), (raw.UnknownCount, raw.UnfreedCount, raw.DroppedCount));
        Assert.InRange(trace.BlockCount, 80_000, 81_000);
        Assert.Equal(5, trace.ThreadCount);
        Assert.InRange(trace.EndLiveBlockCount, 0, 16);
    }

    [Fact]
    public async Task AFullFileDropsTheRestAndCountsIt()
    {
        await BuildAsync();
        string program = await CompileAsync("exchange", Exchange);
        string file = Path.Combine(_scratch, "full.raw");
        await RunAsync(program, [], ("HAKMEM_TRACE_FILE", file), ("HAKMEM_TRACE_EVENTS", "1000"));
        RawTrace raw = RawTrace.Read(file, 500, "", out Trace trace);
        Assert.InRange(trace.Events.Length, 500, 501);
        Assert.True(raw.DroppedCount > 160_000, $"{raw.DroppedCount}");
    }

    [Fact]
    public async Task OnlyTheProgramThatIsNamedIsRecorded()
    {
        await BuildAsync();
        string program = await CompileAsync("exchange", Exchange);
        await RunAsync(
            program,
            [],
            ("HAKMEM_TRACE_FILE", Path.Combine(_scratch, "%p.raw")),
            ("HAKMEM_TRACE_PROGRAM", "another"));
        Assert.Empty(Directory.GetFiles(_scratch, "*.raw"));
    }

    [Theory]
    [InlineData(
        "/usr/bin/sqlite3",
        ":memory:",
        "create table t(a, b); insert into t select value, value * 2 from generate_series(1, 2000); " +
        "select sum(b) from t;")]
    [InlineData("/usr/bin/python3", "-c", "print(len({i: str(i) for i in range(20000)}))")]
    public async Task AnInstalledProgramIsRecorded(string program, params string[] arguments)
    {
        Assert.SkipUnless(File.Exists(program), $"This system has no {program}.");
        await BuildAsync();
        string file = Path.Combine(_scratch, "program.raw");
        await RunAsync(program, arguments, ("HAKMEM_TRACE_FILE", file), ("PYTHONMALLOC", "malloc"));
        RawTrace raw = RawTrace.Read(file, int.MaxValue, program, out Trace trace);
        Assert.True(trace.Events.Length > 1000, $"{trace.Events.Length}");
        Assert.Equal((0L, 0L), (raw.UnfreedCount, raw.DroppedCount));
        Assert.True(trace.Events.SequenceEqual(TraceFile.FromBytes(TraceFile.ToBytes(trace)).Events));
    }

    [Fact]
    public void AnotherFileIsNoRecording()
    {
        string file = Path.Combine(_scratch, "other.raw");
        foreach (byte[] bytes in (byte[][])[
            [], "HKRAWTR1"u8.ToArray(), new byte[5000], [.. "HKRAWTR1"u8, .. Enumerable.Repeat((byte)1, 5000)]])
        {
            File.WriteAllBytes(file, bytes);
            Assert.Throws<InvalidDataException>(() => RawTrace.Read(file, 10, "", out _));
        }
    }

    private string Library => Path.Combine(_scratch, "libtrace_recorder.so");

    // The events of marked sizes, with the thread where it is not the first: a10007 is an allocation, z, r and f a
    // zeroed one, a resize, a free.
    private static (string Events, RawTrace Raw) Convert(string file)
    {
        RawTrace raw = RawTrace.Read(file, int.MaxValue, "", out Trace trace);
        Dictionary<int, long> sizes = [];
        List<string> events = [];
        foreach (TraceEvent entry in trace.Events)
        {
            long size = entry.Kind == TraceEventKind.Free ? sizes[entry.Block] : entry.ByteCount;
            sizes[entry.Block] = size;
            if (size is > 10_000 and < 31_000)
            {
                events.Add($"{"azrf"[(int)entry.Kind]}{size}{(entry.Thread == 0 ? "" : $"@{entry.Thread}")}");
            }
        }

        return (string.Join(' ', events), raw);
    }

    private Task BuildAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The recorder is a library for Linux.");
        Assert.SkipUnless(
            File.Exists(Compiler) && File.Exists("/usr/include/malloc.h"),
            "There is no C compiler (Debian's packages gcc and libc6-dev).");
        return RunAsync("bash", [Path.Combine(SourceTree.Root, "benchmarks", "recorder", "build"), Library]);
    }

    private async Task<string> CompileAsync(string name, string source)
    {
        string file = Path.Combine(_scratch, name + ".c");
        await File.WriteAllTextAsync(file, source, TestContext.Current.CancellationToken);
        string program = Path.Combine(_scratch, name);
        await RunAsync(Compiler, ["-O1", "-fno-builtin", "-pthread", "-o", program, file]);
        return program;
    }

    // A program with variables is recorded; the compiler is not.
    private async Task RunAsync(string program, string[] arguments, params (string Name, string Value)[] variables)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        if (variables.Length > 0)
        {
            start.Environment["LD_PRELOAD"] = Library;
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {await output}{await errors}");
    }
}
