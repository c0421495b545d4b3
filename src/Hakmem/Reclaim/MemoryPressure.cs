using System;

namespace Hakmem.Reclaim;

// Whether memory is short, by the garbage collector's threshold: by default 90 % of the machine or the container.
internal static class MemoryPressure
{
    // The collector's figure for the load is as old as its last collection, and a program that keeps its data off the
    // managed heap collects rarely. So the process's own resident set is compared as well; in a container only that is
    // up to date.
    public static bool IsHigh()
    {
        GCMemoryInfo info = GC.GetGCMemoryInfo(GCKind.Any);
        long threshold = info.HighMemoryLoadThresholdBytes;
        return threshold > 0 && (info.MemoryLoadBytes >= threshold || Environment.WorkingSet >= threshold);
    }
}
