using Hakmem.Os;

namespace Hakmem.Tests.Os;

// Another memory, as it is. A test double overrides what differs.
internal abstract unsafe class WrappedMemory(OsMemory real) : OsMemory
{
    protected OsMemory Real => real;

    public override nuint PageSize => real.PageSize;

    public override OsFeatures Features => real.Features;

    public override bool MovesPages => real.MovesPages;

    public override long MaxArenaBytes => real.MaxArenaBytes;

    public override byte* TryReserve(nuint bytes) => real.TryReserve(bytes);

    public override bool TryRelease(byte* address, nuint bytes) => real.TryRelease(address, bytes);

    public override bool TryMakeReadable(byte* address, nuint bytes) => real.TryMakeReadable(address, bytes);

    public override bool TryCommit(byte* address, nuint bytes) => real.TryCommit(address, bytes);

    public override bool TryDecommit(byte* address, nuint bytes) => real.TryDecommit(address, bytes);

    public override bool TryProtect(byte* address, nuint bytes) => real.TryProtect(address, bytes);

    public override bool TryUnprotect(byte* address, nuint bytes) => real.TryUnprotect(address, bytes);

    public override bool TryDiscard(byte* address, nuint bytes) => real.TryDiscard(address, bytes);

    public override bool TryReset(byte* address, nuint bytes) => real.TryReset(address, bytes);

    public override bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode) => real.TryPrefault(address, bytes, mode);

    public override bool TryPopulate(byte* address, nuint bytes) => real.TryPopulate(address, bytes);

    public override bool TryAdviseHugePages(byte* address, nuint bytes, bool enable) => real.TryAdviseHugePages(address, bytes, enable);

    public override bool TryMove(byte* source, byte* target, nuint bytes) => real.TryMove(source, target, bytes);

    public override RangeState Reclaim(byte* target, nuint bytes) => real.Reclaim(target, bytes);

    public override long CountResident(byte* address, nuint bytes) => real.CountResident(address, bytes);

    public override string? ExplainRefusal() => real.ExplainRefusal();

    public override bool TryReportFaults(FaultMap map) => real.TryReportFaults(map);

    public override bool TryReadMemoryLimit(out long bytes) => real.TryReadMemoryLimit(out bytes);
}
