using System.Threading;
using Hakmem.Os;

namespace Hakmem.Benchmarks.Soak;

/// <summary>The system's memory, of which every n-th call is refused.</summary>
internal sealed unsafe class RefusingMemory : OsMemory
{
    private readonly OsMemory _real = CreateForCurrentSystem();
    private int _every;
    private long _calls;
    private long _refusals;

    public override nuint PageSize => _real.PageSize;

    public override OsFeatures Features => _real.Features & ~OsFeatures.ReportsFaults;

    public override bool MovesPages => _real.MovesPages;

    public override long MaxArenaBytes => _real.MaxArenaBytes;

    /// <summary>Calls refused so far.</summary>
    public long Refusals => Volatile.Read(ref _refusals);

    /// <summary>Refuses every so many calls from now on; none with 0.</summary>
    public void RefuseEvery(int every) => Volatile.Write(ref _every, every);

    public override byte* TryReserve(nuint bytes) => IsRefused() ? null : _real.TryReserve(bytes);

    public override bool TryRelease(byte* address, nuint bytes) => !IsRefused() && _real.TryRelease(address, bytes);

    public override bool TryMakeReadable(byte* address, nuint bytes) => !IsRefused() && _real.TryMakeReadable(address, bytes);

    public override bool TryCommit(byte* address, nuint bytes) => !IsRefused() && _real.TryCommit(address, bytes);

    public override bool TryDecommit(byte* address, nuint bytes) => !IsRefused() && _real.TryDecommit(address, bytes);

    public override bool TryDiscard(byte* address, nuint bytes) => !IsRefused() && _real.TryDiscard(address, bytes);

    public override bool TryReset(byte* address, nuint bytes) => !IsRefused() && _real.TryReset(address, bytes);

    public override bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode) => !IsRefused() && _real.TryPrefault(address, bytes, mode);

    public override bool TryPopulate(byte* address, nuint bytes) => !IsRefused() && _real.TryPopulate(address, bytes);

    public override bool TryAdviseHugePages(byte* address, nuint bytes, bool enable) => !IsRefused() && _real.TryAdviseHugePages(address, bytes, enable);

    public override bool TryProtect(byte* address, nuint bytes) => !IsRefused() && _real.TryProtect(address, bytes);

    public override bool TryUnprotect(byte* address, nuint bytes) => !IsRefused() && _real.TryUnprotect(address, bytes);

    // For one arena of a process, which this is not.
    public override bool TryReportFaults(FaultMap map) => false;

    public override bool TryReadMemoryLimit(out long bytes) => _real.TryReadMemoryLimit(out bytes);

    public override RangeState Reclaim(byte* target, nuint bytes) => _real.Reclaim(target, bytes);

    public override string? ExplainRefusal() => _real.ExplainRefusal();

    public override bool TryMove(byte* source, byte* target, nuint bytes) => !IsRefused() && _real.TryMove(source, target, bytes);

    private bool IsRefused()
    {
        int every = Volatile.Read(ref _every);
        bool isRefused = every > 0 && Interlocked.Increment(ref _calls) % every == 0;
        if (isRefused)
        {
            Interlocked.Increment(ref _refusals);
        }

        return isRefused;
    }
}
