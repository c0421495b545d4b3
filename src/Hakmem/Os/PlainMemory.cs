namespace Hakmem.Os;

// The memory of a system that can neither move nor populate pages, takes no advice on them, and reports no faults.
internal abstract unsafe class PlainMemory : OsMemory
{
    public sealed override bool MovesPages => false;

    public sealed override bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode)
    {
        if (mode is PrefaultMode.Populate or PrefaultMode.Touch)
        {
            TouchPages(address, bytes);
        }

        return mode != PrefaultMode.WillNeed;
    }

    public sealed override bool TryPopulate(byte* address, nuint bytes) => false;

    public sealed override bool TryAdviseHugePages(byte* address, nuint bytes, bool enable) => false;

    public sealed override bool TryMove(byte* source, byte* target, nuint bytes) => false;

    public sealed override RangeState Reclaim(byte* target, nuint bytes) => RangeState.Committed;

    public sealed override bool TryReportFaults(FaultMap map) => false;
}
