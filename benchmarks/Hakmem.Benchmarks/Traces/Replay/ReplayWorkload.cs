using System;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Traces.Replay;

/// <summary>
/// A recorded program's allocations. A process's first replay is for memory: it keeps the trace's order, writes every
/// page, and samples resident memory where the program paused, after a wait that is longer than the allocators take to
/// return memory with time. All others are for time: as fast as the threads go.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "The tables live as long as the measuring process.")]
internal sealed class ReplayWorkload : Workload
{
    /// <summary>Where the shipped traces are, beside the program.</summary>
    private const string Folder = "traces";

    private const string EventName = "event of the trace";
    private const long OperationsPerRound = 4_000_000;

    // As in TailWorkload.
    private static readonly TimeSpan s_wait = TimeSpan.FromMilliseconds(2_500);

    private ReplayPlan? _plan;
    private ReplayPass? _pass;
    private bool _hasMeasuredMemory;
    private long? _peakResidentBytes;
    private QuietFigures? _quiet;
    private TimeSpan _paused;

    /// <summary>Names a trace; <see cref="Prepare"/> reads it.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="path">The file's path.</param>
    public ReplayWorkload(string name, string path)
        : base(name)
    {
        TracePath = path;
    }

    /// <summary>The file's path.</summary>
    public string TracePath { get; }

    public override TimeSpan Paused => _paused;

    public override long? OwnPeakResidentBytes => _peakResidentBytes;

    public override QuietFigures? Quiet => _quiet;

    /// <summary>The row of a shipped trace.</summary>
    /// <param name="program">The program's name: the row's and the file's.</param>
    /// <param name="definition">What was recorded.</param>
    /// <param name="exposes">What the row exposes in an allocator.</param>
    public static ReplayWorkload Shipped(string program, string definition, string exposes) =>
        new($"replay-{program}", Path.Combine(AppContext.BaseDirectory, Folder, program + TraceFile.Extension))
        {
            Definition = definition,
            Exposes = exposes,
            Operation = EventName,
            Operations = OperationsPerRound,
        };

    /// <summary>Whether a workload's name is a trace file's path.</summary>
    public static bool IsFile(string name) => name.EndsWith(TraceFile.Extension, StringComparison.OrdinalIgnoreCase);

    /// <summary>The row of any trace file: its path is its name.</summary>
    public static ReplayWorkload OfFile(string path) => new(path, path)
    {
        Definition = "a trace file",
        Exposes = "what its program asks for",
        Operation = EventName,
        Operations = OperationsPerRound,
    };

    /// <summary>Reads the trace.</summary>
    /// <exception cref="InvalidDataException">It is none, or is damaged.</exception>
    public override void Prepare()
    {
        Read();

        // What the runtime needs for threads and for reading the figures is there before the subject is used.
        _pass!.Reset();
        _pass.RunInOrder<NullSubject, TouchPages>(_ => GC.KeepAlive(ProcessFigures.ResidentBytes));

        // The trace itself is garbage now, and must not be taken away in the middle of the measurement.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

    // Not inlined, so that nothing of it is on the stack when the garbage is collected.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Read()
    {
        _plan = new ReplayPlan(TraceFile.Read(TracePath));
        _pass = new ReplayPass(_plan);
    }

    private long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        ReplayPass pass = _pass ?? throw new InvalidOperationException("The trace has not been read.");
        long done = 0;
        if (!_hasMeasuredMemory)
        {
            _hasMeasuredMemory = true;
            done = MeasureMemory<T>(pass);
        }

        while (done < operations)
        {
            long start = Stopwatch.GetTimestamp();
            pass.Reset();
            _paused += Stopwatch.GetElapsedTime(start);
            done += pass.RunFast<T, TouchEnds>();
        }

        return done;
    }

    private long MeasureMemory<T>(ReplayPass pass)
        where T : struct, IAllocatorSubject
    {
        ReplayPlan plan = _plan!;
        TailFigures[] points = new TailFigures[plan.QuietLiveBytes.Count];
        UseFirst<T>();
        long before = ProcessFigures.ResidentBytes;
        pass.Reset();

        // Reading the trace took more memory than replaying it.
        bool isPeakOwn = ProcessFigures.TryResetPeak();
        long done = pass.RunInOrder<T, TouchPages>(quiet =>
        {
            Thread.Sleep(s_wait);
            points[quiet] = Sample<T>(before, plan.QuietLiveBytes[quiet]);
        });
        _quiet = points.Length == 0 ? null : new QuietFigures { Points = points };
        _peakResidentBytes = isPeakOwn ? ProcessFigures.PeakResidentBytes : null;
        return done;
    }

    // Has the code of the subject compiled, its types loaded and its tables made: a few MiB in a runtime, which the
    // command `startup` measures, and which are not what blocks keep.
    private static void UseFirst<T>()
        where T : struct, IAllocatorSubject
    {
        Trace trace = new("one block of each kind", [
            new(TraceEventKind.Allocate, 0, 0, 100, 0), new(TraceEventKind.AllocateZeroed, 0, 1, 1000, 0),
            new(TraceEventKind.Resize, 0, 0, 4000, 0), new(TraceEventKind.Free, 0, 0, 0, 0),
            new(TraceEventKind.Free, 0, 1, 0, 0),
        ]);
        using ReplayPass pass = new(new ReplayPlan(trace));
        pass.Reset();
        pass.RunInOrder<T, TouchPages>(_ => { });
        Sample<T>(before: 0, liveBytes: 1);
    }

    private static unsafe TailFigures Sample<T>(long before, long liveBytes)
        where T : struct, IAllocatorSubject
    {
        // Allocators without a thread of their own return memory in calls.
        T.Free(T.Alloc(1));
        return new TailFigures
        {
            LiveBytes = liveBytes,
            ResidentBytes = ProcessFigures.ResidentBytes - before,
            DirtyBytes = typeof(T) == typeof(HakmemSubject) ? HakmemAllocator.Shared.GetStatistics().DirtyBytes : null,
        };
    }
}
