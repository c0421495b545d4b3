using System;
using System.Buffers;
using System.Collections.Generic;
using System.Diagnostics.Tracing;
using System.Threading;

namespace Hakmem.Tests.Children;

// A process that may be served by fallbacks: on a system that is described, if one is named, and with the settings of its environment. Prints what
// it is told, and whether its heaps and pools work on several threads.
internal static unsafe class FallbackProcessScenario
{
    public static void Run(string[] args)
    {
        if (args is [var system])
        {
            UnsupportedSystemScenario.Describe(system);
        }

        // One that waits for the source, and one that finds it.
        using WarningListener before = new();
        Console.WriteLine($"supported={(HakmemAllocator.IsSupported ? 1 : 0)}");
        Console.WriteLine($"early={before.Messages.Count}");
        using HakmemAllocator isolated = new();
        UseOnThreads(HakmemAllocator.Shared, NativeMemoryPool.Shared);
        using NativeMemoryPool pool = new(isolated, new NativeMemoryPoolOptions { RecycleOwners = true });
        UseOnThreads(isolated, pool);
        Console.WriteLine($"shared={(HakmemAllocator.Shared.GetStatistics().IsFallback ? 1 : 0)}");
        Console.WriteLine($"isolated={(isolated.GetStatistics().IsFallback ? 1 : 0)}");
        Console.WriteLine($"live={HakmemAllocator.Shared.GetStatistics().LiveBlocks + isolated.GetStatistics().LiveBlocks}");
        Console.WriteLine($"rented={NativeMemoryPool.Shared.GetStatistics().RentedCount + pool.GetStatistics().RentedCount}");
        Console.WriteLine($"warnings={before.Messages.Count}");
        using WarningListener after = new();
        Console.WriteLine($"late={after.Messages.Count}");
        foreach (string message in after.Messages)
        {
            Console.WriteLine("reason: " + message);
        }
    }

    private static void UseOnThreads(HakmemAllocator heap, NativeMemoryPool pool)
    {
        List<Thread> threads = [];
        for (int i = 0; i < 4; i++)
        {
            threads.Add(new Thread(() => Use(heap, pool)));
        }

        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
    }

    private static void Use(HakmemAllocator heap, NativeMemoryPool pool)
    {
        for (int i = 0; i < 1_000; i++)
        {
            byte* block = (byte*)heap.Alloc((nuint)i);
            block = (byte*)heap.Realloc(block, (nuint)i + 1);
            block[i] = (byte)i;
            heap.Free(block);
            using IMemoryOwner<byte> owner = pool.Rent(i);
            owner.Memory.Span.Fill((byte)i);
        }
    }

    private sealed class WarningListener : EventListener
    {
        public List<string> Messages { get; } = [];

        protected override void OnEventSourceCreated(EventSource source)
        {
            if (source.Name == "Hakmem")
            {
                EnableEvents(source, EventLevel.Warning);
            }
        }

        // The base class's constructor may call it, before which the list is made. Allocates from the heap that warns.
        protected override void OnEventWritten(EventWrittenEventArgs written)
        {
            HakmemAllocator.Shared.Free(HakmemAllocator.Shared.Alloc(100));
            Messages.Add((string)written.Payload![0]!);
        }
    }
}
