using System;
using System.Runtime.ExceptionServices;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Pages;

namespace Hakmem.Api;

// The arena that all heaps of the process share. It is reserved when the first heap is created.
internal static class ProcessArena
{
    private const string Percent = "ContainerLimitPercent";

    // Why there is no arena, or null. Written by TryCreate, which does not throw: the runtime would wrap the exception
    // in a TypeInitializationException, whose message does not name the cause.
    private static ExceptionDispatchInfo? s_failure;

    private static readonly Arena? s_instance = TryCreate();

    // No other reference to it exists: see ArenaKeeper.
    private static readonly ArenaKeeper? s_keeper = s_instance is null ? null : new ArenaKeeper(s_instance);

    // Throws if the arena could not be created: OutOfMemoryException, PlatformNotSupportedException, or
    // InvalidOperationException for a wrong setting.
    public static Arena Instance
    {
        get
        {
            s_failure?.Throw();
            return s_instance!;
        }
    }

    // The keeper counts the live blocks of the shared heap before it releases the arena.
    public static void SetShared(HakmemAllocator shared) => s_keeper?.SetShared(shared);

    private static Arena? TryCreate()
    {
        try
        {
            OsMemory os = OsMemory.CreateForThisProcess();
            return new Arena(os, limit: new MemoryLimit(os, ReadPercent()));
        }
        catch (Exception failure)
        {
            s_failure = ExceptionDispatchInfo.Capture(failure);
            return null;
        }
    }

    // The percentage of the container's memory limit that all heaps together may commit: the only setting that belongs
    // to no heap. Throws InvalidOperationException if it cannot be parsed or is out of its range.
    private static int ReadPercent()
    {
        int percent = HakmemSettings.ReadInt32(Percent, "HAKMEM_CONTAINER_LIMIT_PERCENT") ?? MemoryLimit.DefaultPercent;
        return percent is >= 0 and <= 100
            ? percent
            : throw new InvalidOperationException(
                $"Hakmem.{Percent} (HAKMEM_CONTAINER_LIMIT_PERCENT) is {percent}, but must be from 0 to 100.");
    }
}
