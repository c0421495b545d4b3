using System.Collections.Concurrent;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// One thread only allocates, another only frees (Lever and Boreham's malloc-test): no block ever comes back to the cache it
/// came from, so everything an allocator does to move memory between threads is on the path.
/// </summary>
internal sealed unsafe class XmallocWorkload : Workload
{
    private const int BatchBlocks = 4096;
    private const int MaximumBatchesQueued = 100;
    private const uint MinimumBytes = 8;
    private const uint SizeCount = 2048 - MinimumBytes + 1;
    private const ulong Seed = 0xA110C;

    public XmallocWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

    private static long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        long batches = (operations + BatchBlocks - 1) / BatchBlocks;
        using BlockingCollection<nint> full = new(MaximumBatchesQueued);

        // Emptied tables go back to the producer, so that the C library has no part in the steady state.
        ConcurrentBag<nint> empty = [];
        Crew.Run(2, index =>
        {
            if (index == 0)
            {
                Produce<T>(full, empty, batches);
            }
            else
            {
                Consume<T>(full, empty);
            }
        });

        foreach (nint table in empty)
        {
            PointerTable.Return((void**)table);
        }

        return batches * BatchBlocks;
    }

    private static void Produce<T>(BlockingCollection<nint> full, ConcurrentBag<nint> empty, long batches)
        where T : struct, IAllocatorSubject
    {
        try
        {
            Xorshift random = new(Seed);
            for (long batch = 0; batch < batches; batch++)
            {
                void** blocks = empty.TryTake(out nint table) ? (void**)table : PointerTable.Rent(BatchBlocks);
                AllocateBatch<T>(blocks, ref random);
                full.Add((nint)blocks);
            }
        }
        finally
        {
            full.CompleteAdding();
        }
    }

    private static void Consume<T>(BlockingCollection<nint> full, ConcurrentBag<nint> empty)
        where T : struct, IAllocatorSubject
    {
        foreach (nint table in full.GetConsumingEnumerable())
        {
            FreeBatch<T>((void**)table);
            empty.Add(table);
        }
    }

    private static void AllocateBatch<T>(void** blocks, ref Xorshift sequence)
        where T : struct, IAllocatorSubject
    {
        Xorshift random = sequence;
        for (int i = 0; i < BatchBlocks; i++)
        {
            nuint byteCount = MinimumBytes + random.Below(SizeCount);
            void* block = T.Alloc(byteCount);
            Block.Touch(block, byteCount);
            blocks[i] = block;
        }

        sequence = random;
    }

    private static void FreeBatch<T>(void** blocks)
        where T : struct, IAllocatorSubject
    {
        for (int i = 0; i < BatchBlocks; i++)
        {
            T.Free(blocks[i]);
        }
    }
}
