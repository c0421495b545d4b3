using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace Hakmem.Tests.Children;

// Loads the library into one collectible context after another, allocates in each, unloads it and collects until it is
// gone. Prints how many were gone, and what address space the process has then. Stops at the first that stays.
internal static class CollectibleContextsScenario
{
    public const string Freed = "freed";
    public const string StillLive = "still-live";
    public const string FreedByFinalizer = "freed-by-finalizer";
    public const string Profiled = "profiled";

    // Enough committed for the decay's timer to start, which it does in every so many contexts.
    private const int LargeBytes = 12 << 20;
    private const int ContextsPerTimer = 4;

    // A look of the timer's that is in progress goes on to its end; the next would come for as long as a minute.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    public static unsafe void Run(string[] args)
    {
        string use = args[0];
        int contexts = int.Parse(args[1], CultureInfo.InvariantCulture);
        int gone = 0;
        nint lastBlock = 0;
        while (gone < contexts && IsGone(LoadUseAndUnload(use, gone % ContextsPerTimer == 0, out lastBlock)))
        {
            gone++;
        }

        Console.WriteLine($"gone={gone}");
        using Process process = Process.GetCurrentProcess();
        Console.WriteLine($"gibibytes={process.VirtualMemorySize64 >> 30}");
        if (use == StillLive)
        {
            // SAFETY: the block was not freed, and a live block's memory stays.
            Console.WriteLine($"contents={*(byte*)lastBlock}");
        }
    }

    private static bool IsGone(WeakReference context)
    {
        Stopwatch since = Stopwatch.StartNew();
        while (context.IsAlive && since.Elapsed < s_patience)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return !context.IsAlive;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe WeakReference LoadUseAndUnload(string use, bool withTimer, out nint block)
    {
        AssemblyLoadContext context = new("plug-in", isCollectible: true);
        Type type = context.LoadFromAssemblyPath(Path.Combine(AppContext.BaseDirectory, "Hakmem.dll")).GetType("Hakmem.HakmemAllocator")!;
        object heap = type.GetProperty("Shared")!.GetValue(null)!;
        MethodInfo alloc = type.GetMethod("Alloc", [typeof(nuint)])!;
        MethodInfo free = type.GetMethod("Free", [typeof(void*)])!;
        object small = alloc.Invoke(heap, [(nuint)100])!;
        block = (nint)Pointer.Unbox(small);
        *(byte*)block = 77;
        if (withTimer)
        {
            free.Invoke(heap, [alloc.Invoke(heap, [(nuint)LargeBytes])!]);
        }

        if (use != StillLive)
        {
            free.Invoke(heap, [small]);
        }

        if (use == Profiled)
        {
            Type profiler = type.Assembly.GetType("Hakmem.HakmemProfiler")!;
            IDisposable started = (IDisposable)profiler.GetMethod("Start")!.Invoke(null, [heap, 1L])!;
            free.Invoke(heap, [alloc.Invoke(heap, [(nuint)1_000])!]);
            started.Dispose();
        }

        if (use == FreedByFinalizer)
        {
            // The library that it uses is the one that was loaded into the context before.
            Activator.CreateInstance(context.LoadFromAssemblyPath(typeof(FinalizedBlock).Assembly.Location).GetType(typeof(FinalizedBlock).FullName!)!);
        }

        context.Unload();
        return new WeakReference(context, trackResurrection: true);
    }
}
