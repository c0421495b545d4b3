using System;
using System.Collections.Generic;
using System.Diagnostics.Tracing;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.Tool.Tests.Children;

// What tests look into. Nothing is switched on in any of these programs.
internal static class TargetPrograms
{
    // A shared heap and an isolated one, both with blocks, which have had a decay pass.
    public const string Heaps = "heaps";

    // A few blocks: too few for a decay pass.
    public const string Small = "small";

    // Never loads the library.
    public const string Without = "without";

    // Has loaded the library from bytes, so that no file tells of it.
    public const string FromBytes = "from-bytes";

    // Has loaded the library, and allocated nothing.
    public const string Unused = "unused";

    // A heap of more than a thousand SuperSlabs.
    public const string Large = "large";

    // NativeMemory serves the process.
    public const string Fallback = "fallback";

    // Like the first, with names that a terminal would obey.
    public const string Escapes = "escapes";

    // Sets a colour, rings, begins a line, and sets a colour by a single character.
    public const string Escape = "\u001b[31mred\a\nforged\u009b0m";

    public const int SecondBlocks = 1_000;
    public const int SecondBytes = 4_096;
    public const int LargeSlabs = 1_100;

    private static readonly List<object> s_kept = [];

    private static volatile bool s_isEnding;

    // Of the library's event source, since they are counted. Interlocked.
    private static int s_endedSessions;

    public static Task<int> RunAsync(string name) => name switch
    {
        Without => LoopAsync(LoadAssembly),
        Unused => RunUnusedAsync(),
        FromBytes => RunFromBytesAsync(),
        Small => RunSmallAsync(),
        Fallback => RunSmallAsync(),
        Large => RunLargeAsync(),
        Heaps => RunHeapsAsync("orders", "cart"),
        Escapes => RunHeapsAsync(Escape, "cart" + Escape),
        _ => SeededPrograms.RunAsync(name),
    };

    // Answers each line of the input by one, until it ends.
    public static async Task<int> LoopAsync(Func<string, string> answer)
    {
        Console.WriteLine("ready");
        while (await Console.In.ReadLineAsync() is { } line)
        {
            if (line == "end")
            {
                break;
            }

            Console.WriteLine(answer(line));
        }

        return 0;
    }

    // Uses the library as a service does, until it has had a decay pass: 16 MiB, which are freed again.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static unsafe void WarmUp()
    {
        HakmemAllocator heap = HakmemAllocator.Shared;
        void*[] blocks = new void*[256];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = heap.Alloc(64 << 10);
            *(long*)blocks[i] = i;
        }

        foreach (void* block in blocks)
        {
            heap.Free(block);
        }

        SpinWait.SpinUntil(() => heap.GetStatistics().PurgedBytes > 0, TimeSpan.FromSeconds(30));
    }

    // Loads an assembly from a file that may have any name.
    private static string LoadAssembly(string line)
    {
        s_kept.Add(new AssemblyLoadContext("old").LoadFromAssemblyPath(line.Split(' ', 2)[1]));
        return "loaded";
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Task<int> RunUnusedAsync()
    {
        s_kept.Add(typeof(HakmemAllocator).Assembly.GetTypes().Length);
        return LoopAsync(_ => "?");
    }

    // What it allocates is found by the first collection.
    private static Task<int> RunFromBytesAsync()
    {
        byte[] file = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Hakmem.dll"));
        Type type = new AssemblyLoadContext("bytes").LoadFromStream(new MemoryStream(file)).GetType(
            "Hakmem.HakmemAllocator", throwOnError: true)!;
        object heap = type.GetProperty("Shared")!.GetValue(null)!;
        s_kept.Add(heap);
        s_kept.Add(type.GetMethod("Alloc", [typeof(nuint)])!.Invoke(heap, [(nuint)1_000])!);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return LoopAsync(_ => "?");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe Task<int> RunSmallAsync()
    {
        for (int i = 0; i < 10; i++)
        {
            *(long*)HakmemAllocator.Shared.Alloc(1_000) = i;
        }

        return LoopAsync(line => line == "figures" ? FiguresOf(HakmemAllocator.Shared) : "?");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe Task<int> RunLargeAsync()
    {
        HakmemAllocator heap = new();
        s_kept.Add(heap);
        for (int i = 0; i < LargeSlabs; i++)
        {
            *(byte*)heap.Alloc(2 << 20) = 1;
        }

        return LoopAsync(line => line == "figures" ? FiguresOf(heap) : "?");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe Task<int> RunHeapsAsync(string heapName, string tagName)
    {
        WarmUp();
        HakmemAllocator second = new();
        s_kept.Add(second);
        s_kept.Add(HakmemMetrics.Register(second, heapName));
        for (int i = 0; i < SecondBlocks; i++)
        {
            *(long*)second.Alloc(SecondBytes) = i;
        }

        s_kept.Add(second.ForTag(new MemoryTag("checkout")));
        nint tagged = (nint)second.ForTag(new MemoryTag(tagName)).Alloc(10_000);
        Thread? worker = null;
        HakmemProfiler? own = null;
        return LoopAsync(line =>
        {
            switch (line)
            {
                case "shared":
                    return FiguresOf(HakmemAllocator.Shared);
                case "second":
                    return FiguresOf(second) + $" profilers={CountProfilers(second)} tagged={(tagged != 0 ? 1 : 0)}";
                case "leak":
                    worker = new Thread(() => LeakSlowly(second)) { IsBackground = true };
                    worker.Start();
                    return "leaking";
                case "count sessions":
                    CountSessions();
                    return "counting";
                case "sessions":
                    return $"ended={Volatile.Read(ref s_endedSessions)}";
                case "stop":
                    s_isEnding = true;
                    worker?.Join();
                    return "stopped";
                case "own profiler":
                    own = HakmemProfiler.Start(second);
                    s_kept.Add(own);
                    return "started";
                case "drop rentals":
                    return DropRentals(second);
                case "burst":
                    Burst(second);
                    return FiguresOf(second);
                default:
                    return "?";
            }
        });
    }

    private static void CountSessions() =>
        EventSource.GetSources().Single(source => source.Name == "Hakmem").EventCommandExecuted += (_, command) =>
        {
            if (command.Command == EventCommand.Disable)
            {
                Interlocked.Increment(ref s_endedSessions);
            }
        };

    // The frame that reports are to name. Some ten megabytes a second: a test may take a minute.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void LeakSlowly(HakmemAllocator heap)
    {
        while (!s_isEnding)
        {
            for (int i = 0; i < 16; i++)
            {
                *(byte*)heap.Alloc(8 << 10) = 1;
                void* passing = heap.Alloc(32 << 10);
                heap.Free(passing);
            }

            Thread.Sleep(10);
        }
    }

    // Has a pool report three rentals that nobody disposed, as far as the collector finds them.
    private static string DropRentals(HakmemAllocator heap)
    {
        NativeMemoryPool pool = new(heap, new NativeMemoryPoolOptions { LeakTracking = LeakTracking.Stacks });
        for (int i = 0; i < 3; i++)
        {
            DropRental(pool);
        }

        for (int i = 0; i < 20 && pool.GetStatistics().LeakedCount == 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return "dropped";
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropRental(NativeMemoryPool pool) => pool.Rent(12_345);

    // Leaves much that is free and dirty.
    private static unsafe void Burst(HakmemAllocator heap)
    {
        void*[] blocks = new void*[2_000];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = heap.Alloc(16 << 10);
            new Span<byte>(blocks[i], 16 << 10).Fill(1);
        }

        foreach (void* block in blocks)
        {
            heap.Free(block);
        }
    }

    // 1 if the heap has a profiler. Not asked for by starting one, which would get in the way of another.
    private static int CountProfilers(HakmemAllocator allocator)
    {
        const BindingFlags Inside = BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public;
        object heap = typeof(HakmemAllocator).GetField("_heap", Inside)!.GetValue(allocator)!;
        return heap.GetType().GetProperty("Sampler", Inside)!.GetValue(heap) is null ? 0 : 1;
    }

    private static string FiguresOf(HakmemAllocator heap)
    {
        HakmemStatistics statistics = heap.GetStatistics();
        (string, long)[] figures =
        [
            ("liveBytes", statistics.LiveBytes), ("liveBlocks", statistics.LiveBlocks),
            ("cachedBytes", statistics.CachedBytes), ("committedBytes", statistics.CommittedBytes),
            ("dirtyBytes", statistics.DirtyBytes), ("superSlabsInUse", statistics.SuperSlabsInUse),
            ("superSlabs", heap.GetHeapMap().SuperSlabs.Count),
        ];
        return string.Join(' ', figures.Select(figure => $"{figure.Item1}={figure.Item2}"));
    }
}
