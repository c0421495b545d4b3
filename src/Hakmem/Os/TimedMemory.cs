using System.Diagnostics;
using System.Threading;

namespace Hakmem.Os;

// The system's memory with a count and a clock on the calls that change it: what the process's arena uses. Such a call
// takes a microsecond or more.
//
// Thread-safe: the sums are interlocked.
internal sealed unsafe class TimedMemory(OsMemory system) : OsMemory
{
    private long _calls;
    private long _ticks;

    public override OsCallFigures CallFigures => new(Interlocked.Read(ref _calls), Interlocked.Read(ref _ticks));

    public override nuint PageSize => system.PageSize;

    public override OsFeatures Features => system.Features;

    public override bool MovesPages => system.MovesPages;

    public override long MaxArenaBytes => system.MaxArenaBytes;

    public override byte* TryReserve(nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        byte* address = system.TryReserve(bytes);
        Count(start, true);
        return address;
    }

    public override bool TryRelease(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryRelease(address, bytes));
    }

    public override bool TryMakeReadable(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryMakeReadable(address, bytes));
    }

    public override bool TryCommit(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryCommit(address, bytes));
    }

    public override bool TryDecommit(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryDecommit(address, bytes));
    }

    public override bool TryProtect(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryProtect(address, bytes));
    }

    public override bool TryUnprotect(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryUnprotect(address, bytes));
    }

    public override bool TryDiscard(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryDiscard(address, bytes));
    }

    public override bool TryReset(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryReset(address, bytes));
    }

    public override bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryPrefault(address, bytes, mode));
    }

    public override bool TryPopulate(byte* address, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryPopulate(address, bytes));
    }

    public override bool TryAdviseHugePages(byte* address, nuint bytes, bool enable)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryAdviseHugePages(address, bytes, enable));
    }

    public override bool TryMove(byte* source, byte* target, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        return Count(start, system.TryMove(source, target, bytes));
    }

    public override RangeState Reclaim(byte* target, nuint bytes)
    {
        long start = Stopwatch.GetTimestamp();
        RangeState state = system.Reclaim(target, bytes);
        Count(start, true);
        return state;
    }

    public override long CountResident(byte* address, nuint bytes) => system.CountResident(address, bytes);

    public override string? ExplainRefusal() => system.ExplainRefusal();

    public override bool TryReportFaults(FaultMap map) => system.TryReportFaults(map);

    public override bool TryGetStack(out nuint begin, out nuint end) => system.TryGetStack(out begin, out end);

    public override void* TryMakeFrameReader() => system.TryMakeFrameReader();

    public override bool TryReadMemoryLimit(out long bytes) => system.TryReadMemoryLimit(out bytes);

    private bool Count(long start, bool isDone)
    {
        Interlocked.Increment(ref _calls);
        Interlocked.Add(ref _ticks, Stopwatch.GetTimestamp() - start);
        return isDone;
    }
}
