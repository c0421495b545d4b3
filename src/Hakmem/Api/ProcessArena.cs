using System;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Hakmem.Os;
using Hakmem.Pages;

namespace Hakmem.Api;

// The arena that all heaps of the process share, or why it has none. It is reserved when the first heap is created.
internal static class ProcessArena
{
    // Why heaps cannot be created; null if they can. Written by the initializer below, as the next field is, which
    // throws nothing itself: the runtime would put a TypeInitializationException around it, whose message does not say
    // the cause.
    private static ExceptionDispatchInfo? s_failure;

    // Why the process has no arena although it may have heaps, which are fallbacks; null if it has one.
    private static string? s_unsupported;

    private static readonly Arena? s_instance = TryCreate();

    // No other reference to it exists: see ArenaKeeper.
    private static readonly ArenaKeeper? s_keeper = s_instance is null ? null : new ArenaKeeper(s_instance);

    // Null if the process has none and its heaps are fallbacks. Throws if there can be no heaps: OutOfMemoryException
    // for too little address space, InvalidOperationException for a wrong setting, or PlatformNotSupportedException if
    // fallbacks are not wanted.
    public static Arena? Instance
    {
        get
        {
            s_failure?.Throw();
            return s_instance;
        }
    }

    // Why there is no arena, where none is possible or wanted; null otherwise.
    public static string? Unsupported => s_unsupported;

    // The keeper counts the live blocks of the shared heap before it releases the arena. Called once.
    public static void SetShared(HakmemAllocator shared)
    {
        if (s_keeper is { } keeper)
        {
            keeper.SetShared(shared);
            EventSourceStarter.Attach();
        }
    }

    // The one place that decides whether the process has an arena or its heaps are fallbacks.
    private static Arena? TryCreate()
    {
        try
        {
            return HakmemSettings.AreAny() ? TryCreateAsSet() : TryCreate(MemoryLimit.DefaultPercent);
        }
        catch (Exception failure)
        {
            s_failure = ExceptionDispatchInfo.Capture(failure);
            return null;
        }
    }

    // Sets s_unsupported and returns null on a system for which there is no memory layer, or where the layer or the
    // arena finds that it cannot work.
    private static Arena? TryCreate(int containerLimitPercent)
    {
        try
        {
            OsMemory os = OsMemory.CreateForThisProcess();
            return new Arena(os, limit: new MemoryLimit(os, containerLimitPercent));
        }
        catch (PlatformNotSupportedException reason)
        {
            s_unsupported = reason.Message;
            return null;
        }
    }

    // Apart, so that the settings are not so much as created where nothing is set. Throws InvalidOperationException if
    // one cannot be parsed or is out of its range.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Arena? TryCreateAsSet()
    {
        int percent = ReadContainerLimitPercent();
        bool isForced = HakmemSettings.ForceFallback.Read() != 0;
        bool isRequired = HakmemSettings.RequireSupported.Read() != 0;
        Arena? arena = isForced ? null : TryCreate(percent);
        if (arena is null)
        {
            s_unsupported ??= $"The setting {HakmemSettings.ForceFallback.FullName} is true.";
            if (isRequired)
            {
                throw new PlatformNotSupportedException(
                    $"{s_unsupported} The setting {HakmemSettings.RequireSupported.FullName} makes that an error; " +
                    "without it NativeMemory would serve all calls.");
            }
        }

        return arena;
    }

    // The percentage of a container's memory limit that all heaps together may commit.
    private static int ReadContainerLimitPercent()
    {
        HakmemSetting setting = HakmemSettings.ContainerLimitPercent;
        long percent = setting.Read();
        return percent >= setting.Least && percent <= setting.Most ? (int)percent
            : throw new InvalidOperationException(
                $"{setting.FullName} is {percent}, but must be from {setting.Least} to {setting.Most}.");
    }
}
