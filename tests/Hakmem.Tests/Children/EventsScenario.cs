using System;
using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Tests.Children;

// A process in which each event of the event source has a cause. With `listen` a listener of its own prints them; with
// `wait` it begins once a line comes on its input, so that another process can attach to it.
internal static unsafe class EventsScenario
{
    public const string Listen = "listen";
    public const string Wait = "wait";

    // What is refused, in a heap of twice as many bytes.
    public const long RefusedBytes = 128 << 20;

    // What is leaked.
    public const int LeakedBytes = 12_345;

    public static void Run(string[] args)
    {
        using HakmemAllocator heap = new(new HakmemOptions
        {
            MaxBytes = RefusedBytes / 2,
            PurgeDelay = TimeSpan.FromMilliseconds(40),
        });
        using IDisposable metrics = HakmemMetrics.Register(heap, "events");
        using DisturbingListener? listener = args is [Listen] ? new DisturbingListener() : null;
        if (args is [Wait])
        {
            Console.WriteLine("ready");
            Console.ReadLine();
        }

        UseLargeBlocks(heap);
        UseThreads(heap);
        FreeTwice(heap);
        Leak(heap);
        Console.WriteLine($"live={heap.GetStatistics().LiveBlocks}");
        foreach (string line in listener?.Lines ?? [])
        {
            Console.WriteLine(line);
        }
    }

    // Commits, is refused, purges by the timer, and releases.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void UseLargeBlocks(HakmemAllocator heap)
    {
        void* block = heap.Alloc((nuint)(RefusedBytes / 4));
        new Span<byte>(block, (int)(RefusedBytes / 4)).Fill(1);
        if (heap.TryAlloc((nuint)RefusedBytes, out _))
        {
            throw new InvalidOperationException("The limit did not hold.");
        }

        heap.Free(block);
        SpinWait.SpinUntil(() => heap.GetStatistics().PurgedBytes > 0, TimeSpan.FromSeconds(30));
        heap.Trim();
    }

    // The second thread adopts the cache of the first one.
    private static void UseThreads(HakmemAllocator heap)
    {
        for (int i = 0; i < 2; i++)
        {
            Thread thread = new(() => heap.Free(heap.Alloc(100)));
            thread.Start();
            thread.Join();
        }
    }

    private static void FreeTwice(HakmemAllocator heap)
    {
        void* block = heap.Alloc(100);
        heap.Free(block);
        try
        {
            heap.Free(block);
            throw new InvalidOperationException("A double free was not found.");
        }
        catch (HakmemCorruptionException found)
        {
            Console.WriteLine($"found: {found.Message}");
        }
    }

    private static void Leak(HakmemAllocator heap)
    {
        NativeMemoryPool pool = new(heap, new NativeMemoryPoolOptions { LeakTracking = LeakTracking.Count });
        Rent(pool);
        for (int i = 0; i < 10 && pool.GetStatistics().LeakedCount == 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Rent(NativeMemoryPool pool) => pool.Rent(LeakedBytes);

    // Throws within each event, after it has allocated from the heap that all of the process shares.
    private sealed class DisturbingListener : EventListener
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        protected override void OnEventSourceCreated(EventSource source)
        {
            if (source.Name == "Hakmem")
            {
                EnableEvents(source, EventLevel.Verbose);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs written)
        {
            HakmemAllocator.Shared.Free(HakmemAllocator.Shared.Alloc(3 << 20));
            string payload = string.Join(' ', written.Payload!.Select(value => $"{value}"));
            Lines?.Enqueue($"event: {written.EventName} {payload}");
            throw new InvalidOperationException("A listener failed.");
        }
    }
}
