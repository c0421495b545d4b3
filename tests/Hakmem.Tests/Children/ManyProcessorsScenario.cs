using System;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Records;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// What depends on the number of processors: stripes, the length of a thread's record, and the tables by places in it.
// A thread for each stripe, all alive at once. Each allocates and frees in the steady state, with and without a tag:
// the first ones blocks of all classes, the others of the small ones; and frees blocks of the thread before it.
internal static unsafe class ManyProcessorsScenario
{
    private const int Blocks = 300;
    private const int PassedBlocks = 100;
    private const int ThreadsWithAllClasses = 2;
    private const int SmallClasses = 8;

    public static void Run()
    {
        using HakmemAllocator heap = new();
        using MemoryTag tag = new("tag");
        using MemoryTag other = new("other");
        IHakmemAllocator[] allocators = [heap, heap.ForTag(tag), HakmemAllocator.Shared];
        Console.WriteLine($"stripes={Stripe.Count}");
        HashSet<int> stripes = [];
        List<nint> passed = [];
        using ManualResetEventSlim end = new();
        List<Thread> threads = [];
        for (int index = 0; index < Stripe.Count; index++)
        {
            int classes = index < ThreadsWithAllClasses ? SizeClass.Count : SmallClasses;
            using ManualResetEventSlim done = new();
            threads.Add(new Thread(() =>
            {
                passed.ForEach(block => heap.ForTag(other).Free((void*)block));
                passed.Clear();
                Array.ForEach(allocators, allocator => Use(allocator, allocator, classes));
                Use(heap.ForTag(tag), heap.ForTag(other), classes);
                Pass(heap, passed);
                Pass(heap.ForTag(tag), passed);
                stripes.Add(Stripe.Of(Hakmem.Small.CurrentThread.Shared->Number));
                done.Set();
                end.Wait();
            }));
            threads[^1].Start();
            done.Wait();
        }

        passed.ForEach(block => heap.Free((void*)block));
        end.Set();
        threads.ForEach(thread => thread.Join());
        Console.WriteLine($"used={stripes.Count}");
        Console.WriteLine($"tagged={tag.LiveBytes + other.LiveBytes}");
        Console.WriteLine($"live={heap.GetStatistics().LiveBlocks}");
        Console.WriteLine($"sound={(heap.Verify().IsSound && HakmemAllocator.Shared.Verify().IsSound ? 1 : 0)}");
    }

    // Blocks below a cache line, which go home to their stripe.
    private static void Pass(IHakmemAllocator allocator, List<nint> passed)
    {
        for (int i = 0; i < PassedBlocks; i++)
        {
            passed.Add((nint)allocator.Alloc((nuint)SizeClass.BytesOf(i % Stripe.ClassCount)));
        }
    }

    private static void Use(IHakmemAllocator allocates, IHakmemAllocator frees, int classes)
    {
        void** blocks = stackalloc void*[Blocks];
        for (int sizeClass = 0; sizeClass < classes; sizeClass++)
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
