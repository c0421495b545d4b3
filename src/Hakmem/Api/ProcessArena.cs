using System;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Hakmem.Os;
using Hakmem.Pages;

namespace Hakmem.Api;

// The arena that all heaps of the process share. It is reserved when the first heap is created.
internal static class ProcessArena
{
    // Why there is no arena; null if there is one. Written by the initializer below, which throws nothing itself: the
    // runtime would put a TypeInitializationException around it, whose message does not say the cause.
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

    // The percentage of a container's memory limit that all heaps together may commit. Throws InvalidOperationException
    // if the setting cannot be parsed or is out of its range.
    private static int ReadPercent() => HakmemSettings.AreAny() ? PercentOfSettings() : MemoryLimit.DefaultPercent;

    // Apart, so that the settings are not so much as created where nothing is set.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int PercentOfSettings()
    {
        HakmemSetting setting = HakmemSettings.ContainerLimitPercent;
        long percent = setting.Read();
        return percent >= setting.Least && percent <= setting.Most
            ? (int)percent
            : throw new InvalidOperationException(
                $"Hakmem.{setting.Name} ({setting.Variable}) is {percent}, but must be from {setting.Least} to " +
                $"{setting.Most}.");
    }
}
