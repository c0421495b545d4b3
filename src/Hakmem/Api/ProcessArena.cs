using System;
using System.Runtime.ExceptionServices;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Pages;

namespace Hakmem.Api;

// The arena that all heaps of the process share, reserved when the first heap is made.
internal static class ProcessArena
{
    private const string Percent = "ContainerLimitPercent";

    // Why there is no arena; null if there is one. Written by the initializer below, which throws nothing itself: the
    // runtime would put a TypeInitializationException around it, whose message does not say the cause.
    private static ExceptionDispatchInfo? s_failure;

    private static readonly Arena? s_instance = TryCreate();

    // Nothing else refers to it.
    private static readonly ArenaKeeper? s_keeper = s_instance is null ? null : new ArenaKeeper(s_instance);

    // Throws what kept the arena from being made: OutOfMemoryException, PlatformNotSupportedException, or
    // InvalidOperationException for a setting.
    public static Arena Instance
    {
        get
        {
            s_failure?.Throw();
            return s_instance!;
        }
    }

    // The shared heap's records say what is live in the arena when it is given back: see ArenaKeeper.
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
