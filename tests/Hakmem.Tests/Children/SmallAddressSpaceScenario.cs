using System;
using System.Collections.Generic;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// The shared heap in a process whose address space is limited: it works, it can be exhausted, and it leaves the runtime room.
internal static unsafe class SmallAddressSpaceScenario
{
    // Far more than the address space has.
    private const int MaxBlocks = 1 << 20;

    public static void Run()
    {
        HakmemAllocator heap = HakmemAllocator.Shared;
        Use(heap);
        Console.WriteLine($"reserved={heap.GetStatistics().ReservedBytes}");

        List<nint> blocks = [];
        while (blocks.Count < MaxBlocks && heap.TryAlloc(4 * BlockSizes.MiB, out void* pointer))
        {
            blocks.Add((nint)pointer);
        }

        Console.WriteLine($"exhausted={blocks.Count}");

        // The runtime still gets its threads and its garbage-collected memory.
        Workers.Run(8, _ => GC.KeepAlive(new byte[1 << 20]));
        blocks.ForEach(address => heap.Free((void*)address));
        heap.Trim();
        Use(heap);
        Console.WriteLine($"live={heap.GetStatistics().LiveBlocks}");
    }

    private static void Use(HakmemAllocator heap) => Workers.Run(4, index =>
    {
        BlockLedger ledger = new(heap);
        Random random = new(index);
        for (int i = 0; i < 3_000; i++)
        {
            ledger.Allocate(BlockSizes.RandomSmall(random));
        }

        ledger.Allocate(BlockSizes.Large);
        ledger.FreeAll();
    });
}
