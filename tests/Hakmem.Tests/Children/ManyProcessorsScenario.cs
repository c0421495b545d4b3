using System;
using System.Threading;
using Hakmem.Records;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// What depends on the number of processors: stripes, the length of a thread's record, and the tables by places in it.
// Each class is allocated and freed in the steady state, with and without a tag, on this thread and another one.
internal static unsafe class ManyProcessorsScenario
{
    private const int Blocks = 300;

    public static void Run()
    {
        using HakmemAllocator heap = new();
        using MemoryTag tag = new("tag");
        using MemoryTag other = new("other");
        Console.WriteLine($"stripes={Stripe.Count}");
        for (int thread = 0; thread < Math.Min(Stripe.Count, 40); thread++)
        {
            Thread worker = new(() =>
            {
                Use(heap, heap);
                Use(heap.ForTag(tag), heap.ForTag(tag));
                Use(heap.ForTag(tag), heap.ForTag(other));
                Use(HakmemAllocator.Shared, HakmemAllocator.Shared);
            });
            worker.Start();
            worker.Join();
            if (tag.LiveBytes != 0 || other.LiveBytes != 0)
            {
                throw new InvalidOperationException($"{tag.LiveBytes} and {other.LiveBytes} bytes stay in the tags.");
            }
        }

        Console.WriteLine($"live={heap.GetStatistics().LiveBlocks}");
        Console.WriteLine($"sound={(heap.Verify().IsSound && HakmemAllocator.Shared.Verify().IsSound ? 1 : 0)}");
    }

    private static void Use(IHakmemAllocator allocates, IHakmemAllocator frees)
    {
        void** blocks = stackalloc void*[Blocks];
        for (int sizeClass = 0; sizeClass < SizeClass.Count; sizeClass++)
        {
            nuint bytes = (nuint)SizeClass.BytesOf(sizeClass);
            int count = (int)Math.Clamp((4u << 20) / bytes, 4, Blocks);
            for (int round = 0; round < 2; round++)
            {
                for (int i = 0; i < count; i++)
                {
                    blocks[i] = allocates.Alloc(bytes);
                    Pattern.Fill(blocks[i], 16, (uint)((sizeClass << 16) + i));
                }

                for (int i = 0; i < count; i++)
                {
                    Pattern.Verify(blocks[i], 16, (uint)((sizeClass << 16) + i));
                    frees.Free(blocks[i]);
                }
            }
        }
    }
}
