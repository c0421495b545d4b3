using System;
using Hakmem.Arenas;
using Hakmem.Os;

namespace Hakmem.Allocators;

// The arena that all heaps of the process share, reserved when the first heap is made.
internal static class ProcessArena
{
    private const string Percent = "ContainerLimitPercent";

    public static Arena Instance { get; } = Create();

    private static Arena Create()
    {
        OsMemory os = OsMemory.CreateForThisProcess();
        return new Arena(os, limit: new MemoryLimit(os, ReadPercent()));
    }

    // The one setting that is not a heap's: what a container's limit leaves to all of them. Throws InvalidOperationException, as for any setting
    // that cannot be understood.
    private static int ReadPercent()
    {
        int percent = HakmemSettings.ReadInt32(Percent, "HAKMEM_CONTAINER_LIMIT_PERCENT") ?? MemoryLimit.DefaultPercent;
        return percent is >= 0 and <= 100
            ? percent
            : throw new InvalidOperationException($"Hakmem.{Percent} (HAKMEM_CONTAINER_LIMIT_PERCENT) is {percent}, which is not from 0 to 100.");
    }
}
