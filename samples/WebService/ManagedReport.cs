using System;

namespace Hakmem.WebService;

// The garbage collector's side of the process.
internal sealed record ManagedReport(long HeapBytes, int Gen0, int Gen1, int Gen2, double PauseMs, long ResidentBytes)
{
    public static ManagedReport Take() => new(
        GC.GetTotalMemory(forceFullCollection: false),
        GC.CollectionCount(0),
        GC.CollectionCount(1),
        GC.CollectionCount(2),
        GC.GetTotalPauseDuration().TotalMilliseconds,
        Environment.WorkingSet);
}
