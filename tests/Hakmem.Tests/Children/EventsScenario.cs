using System;
using System.Buffers;
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
    public const string Race = "race";
    public const string Small = "small";
    public const string SmallAfterCollection = "small-after-collection";

    // What is refused, in a heap of twice as many bytes.
    public const long RefusedBytes = 128 << 20;

    // What is leaked.
    public const int LeakedBytes = 12_345;

    // What a leaked stream has: two chunks, and the block of a room that is larger than one.
    public const int LeakedRoomBytes = 5_000;
    public const int LeakedStreamBytes = (2 * LeakedChunkBytes) + LeakedRoomBytes;
    private const int LeakedChunkBytes = 4_096;

    // What is allocated and freed while a profiler samples each block.
    public const int SampledBytes = 777;

    // The same, and moved by its pages meanwhile.
    public const int MovedBytes = (8 << 20) + 777;

    private static ReadOnlyMemory<byte> s_pinned;

    public static void Run(string[] args)
    {
        switch (args)
        {
            case [Race]:
                RaceToMakeTheSource();
                return;
            case [Small or SmallAfterCollection]:
                MakeTheSourceOfASmallProgram(args is [SmallAfterCollection]);
                return;
        }

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
        GrowWriter(heap);
        UseThreads();
        FreeTwice(heap);
        Sample(heap);
        Leak(heap);
        LeakStream(heap);
        Console.WriteLine($"live={heap.GetStatistics().LiveBlocks}");
        foreach (string line in listener?.Lines ?? [])
        {
            Console.WriteLine(line);
        }
    }

    // The listener pins the writer's memory in the events that its growth raises.
    private static void GrowWriter(HakmemAllocator heap)
    {
        using NativeBufferWriter<byte> writer = new(heap);
        writer.Write([1]);
        s_pinned = writer.WrittenMemory;
        for (int bytes = 1 << 10; bytes < 16 << 20; bytes *= 2)
        {
            writer.GetSpan(bytes);
            writer.Advance(bytes);
        }

        s_pinned = default;
    }

    // Each thread is refused for the first time, and so is a listener while the source is being made. Of what follows
    // each event is heard.
    private static void RaceToMakeTheSource()
    {
        const int threads = 8;
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 4 << 20 });
        using RefusalListener listener = new(heap);
        using Barrier barrier = new(threads);
        Thread[] all = [.. Enumerable.Range(0, threads).Select(_ => new Thread(() =>
        {
            barrier.SignalAndWait();
            heap.TryAlloc((nuint)RefusedBytes, out void* _);
        }))];
        Array.ForEach(all, thread => thread.Start());
        Array.ForEach(all, thread => thread.Join());
        int before = listener.Count;
        for (int i = 0; i < 10; i++)
        {
            heap.TryAlloc((nuint)RefusedBytes, out _);
        }

        Console.WriteLine($"refusals={listener.Count - before}");
    }

    // A heap with one block has no decay pass, which would make the source. Prints whether there is a source at first,
    // after a collection of the youngest generation, and after one of all.
    private static void MakeTheSourceOfASmallProgram(bool isCollectedBefore)
    {
        if (isCollectedBefore)
        {
            GC.Collect();
        }

        HakmemAllocator.Shared.Alloc(100);
        Console.WriteLine($"first={HasSource()}");
        GC.Collect(0);
        Console.WriteLine($"youngest={HasSourceSoon(GC.CollectionCount(GC.MaxGeneration) > 0)}");
        Console.WriteLine($"collections={GC.CollectionCount(GC.MaxGeneration)}");
        GC.Collect();
        Console.WriteLine($"all={HasSourceSoon(isExpected: true)}");
    }

    // The source is made by a thread of the pool, which a finalizer asks.
    private static int HasSourceSoon(bool isExpected)
    {
        GC.WaitForPendingFinalizers();
        TimeSpan patience = isExpected ? TimeSpan.FromSeconds(30) : TimeSpan.FromMilliseconds(300);
        SpinWait.SpinUntil(() => HasSource() != 0, patience);
        return HasSource();
    }

    private static int HasSource() => EventSource.GetSources().Count(source => source.Name == "Hakmem");

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

    // The second thread adopts the cache of the first one, unless a decay pass comes between: so the heap's delays are
    // long.
    private static void UseThreads()
    {
        using HakmemAllocator heap = new(new HakmemOptions
        {
            PurgeDelay = TimeSpan.FromHours(1),
            SuperSlabCacheTtl = TimeSpan.FromHours(1),
        });
        for (int i = 0; i < 2; i++)
        {
            Thread thread = new(() => heap.Free(heap.Alloc(100)));
            thread.Start();
            thread.Join();
        }
    }

    private static void Sample(HakmemAllocator heap)
    {
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        heap.Free(heap.Alloc(SampledBytes));
        using HakmemAllocator other = new();
        using HakmemProfiler otherProfiler = HakmemProfiler.Start(other, 1);
        void* moved = other.Alloc(MovedBytes);
        void* behind = other.Alloc(MovedBytes);
        other.Free(other.Realloc(moved, 5 * MovedBytes));
        other.Free(behind);
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

        // The finalizer counts the leak before it raises the event.
        GC.WaitForPendingFinalizers();
    }

    private static void LeakStream(HakmemAllocator heap)
    {
        NativeMemoryStreamManager manager =
            new(heap, new NativeMemoryStreamManagerOptions { ChunkBytes = LeakedChunkBytes });
        Drop(manager);
        for (int i = 0; i < 10 && manager.GetStatistics().LeakedCount == 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Drop(NativeMemoryStreamManager manager) => manager.GetStream("leaked").GetSpan(LeakedRoomBytes);

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
            using MemoryHandle pin = s_pinned.Pin();
            string payload = string.Join(' ', written.Payload!.Select(value => $"{value}"));
            Lines?.Enqueue($"event: {written.EventName} {payload}");
            throw new InvalidOperationException("A listener failed.");
        }
    }

    private sealed class RefusalListener : EventListener
    {
        // Null within the base class's constructor.
        private readonly HakmemAllocator? _heap;
        private int _count;

        public RefusalListener(HakmemAllocator heap) => _heap = heap;

        public int Count => Volatile.Read(ref _count);

        protected override void OnEventSourceCreated(EventSource source)
        {
            if (source.Name == "Hakmem")
            {
                EnableEvents(source, EventLevel.Warning);
                _heap?.TryAlloc((nuint)RefusedBytes, out _);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs written) => Interlocked.Increment(ref _count);
    }
}
