using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// The system's memory with a count and a clock on each call that the allocator makes. Only in the profiled processes:
/// the class's own code would otherwise be compiled within the cold rows.
/// </summary>
/// <remarks>
/// Which system call a member makes is <c>LinuxMemory</c>'s business and restated here. A
/// <see cref="PrefaultMode.Touch"/> makes none: its row is "touch". One that falls back to it, on kernels without
/// <c>MADV_POPULATE_WRITE</c>, still counts as madvise.
/// </remarks>
internal sealed unsafe class CountingMemory : OsMemory
{
    private const int Map = 0;
    private const int Unmap = 1;
    private const int Protect = 2;
    private const int Advise = 3;
    private const int Remap = 4;
    private const int Touch = 5;

    private static readonly string[] s_names = ["mmap", "munmap", "mprotect", "madvise", "mremap", "touch"];

    private readonly OsMemory _inner;

    // By kind; added to atomically by whichever thread calls.
    private readonly long[] _counts = new long[s_names.Length];
    private readonly long[] _ticks = new long[s_names.Length];

    private CountingMemory(OsMemory inner)
    {
        _inner = inner;
    }

    /// <summary>The one between the process's arena and the system, once there is an arena; null before.</summary>
    public static CountingMemory? Installed { get; private set; }

    public override nuint PageSize => _inner.PageSize;

    public override OsFeatures Features => _inner.Features;

    public override bool MovesPages => _inner.MovesPages;

    public override long MaxArenaBytes => _inner.MaxArenaBytes;

    /// <summary>Puts one between the process's arena, which must not exist yet, and the system.</summary>
    public static void Install() => Decorator = memory => Installed = new CountingMemory(memory);

    /// <summary>All calls so far, kinds that never happened included.</summary>
    public IReadOnlyList<SystemCall> Counts() =>
    [
        .. s_names.Select((name, kind) => new SystemCall(
            name,
            Interlocked.Read(ref _counts[kind]),
            Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _ticks[kind])).TotalMilliseconds)),
    ];

    public override byte* TryReserve(nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        byte* address = _inner.TryReserve(bytes);
        Count(Map, start);
        return address;
    }

    public override bool TryRelease(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(Unmap, start, _inner.TryRelease(address, bytes));
    }

    public override bool TryMakeReadable(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(Protect, start, _inner.TryMakeReadable(address, bytes));
    }

    public override bool TryProtect(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(Protect, start, _inner.TryProtect(address, bytes));
    }

    public override bool TryUnprotect(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(Protect, start, _inner.TryUnprotect(address, bytes));
    }

    // Once in a process, and nothing that its memory costs: not counted.
    public override bool TryReportFaults(FaultMap map) => _inner.TryReportFaults(map);

    public override bool TryReadMemoryLimit(out long bytes) => _inner.TryReadMemoryLimit(out bytes);

    public override RangeState Reclaim(byte* target, nuint bytes) => _inner.Reclaim(target, bytes);

    public override string? ExplainRefusal() => _inner.ExplainRefusal();

    public override bool TryCommit(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(Protect, start, _inner.TryCommit(address, bytes));
    }

    public override bool TryDecommit(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(Map, start, _inner.TryDecommit(address, bytes));
    }

    public override bool TryDiscard(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(Advise, start, _inner.TryDiscard(address, bytes));
    }

    public override bool TryReset(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(Advise, start, _inner.TryReset(address, bytes));
    }

    public override bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(mode == PrefaultMode.Touch ? Touch : Advise, start, _inner.TryPrefault(address, bytes, mode));
    }

    public override bool TryPopulate(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(Advise, start, _inner.TryPopulate(address, bytes));
    }

    public override bool TryAdviseHugePages(byte* address, nuint bytes, bool enable)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(Advise, start, _inner.TryAdviseHugePages(address, bytes, enable));
    }

    public override bool TryMove(byte* source, byte* target, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(Remap, start, _inner.TryMove(source, target, bytes));
    }

    private bool Count(int kind, long start, bool result)
    {
        Count(kind, start);
        return result;
    }

    private void Count(int kind, long start)
    {
        Interlocked.Add(ref _ticks[kind], Stopwatch.GetTimestamp() - start);
        Interlocked.Increment(ref _counts[kind]);
    }
}
