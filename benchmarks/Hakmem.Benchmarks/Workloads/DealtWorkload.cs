using System;
using System.Runtime.CompilerServices;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// One thread allocates blocks side by side, which are dealt to all threads at random, so that a cache line holds
/// blocks of several of them. Then each thread frees a random one of its own and allocates another in its place. An
/// allocator that hands a freed block to the thread that freed it lets the threads write to shared lines for ever.
/// </summary>
internal sealed unsafe class DealtWorkload : Workload
{
    private const int SlotCount = 1000;
    private const ulong Seed = 0xDEA1;

    // Work is cut into calls so that the loop is reached often enough to be compiled at the top tier in the warm-up.
    private const long OperationsPerCall = 10_000;

    private readonly nuint _blockBytes;

    /// <summary>Describes the deal.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="workerCount">How many threads get blocks.</param>
    /// <param name="blockBytes">The size of a block.</param>
    public DealtWorkload(string name, int workerCount, nuint blockBytes)
        : base(name, workerCount)
    {
        _blockBytes = blockBytes;
    }

    public override WorkloadBody ForAllocator<T>() => operations =>
    {
        long perWorker = OperationsPerWorker(operations);
        void** dealt = Deal<T>();
        Crew.Run(WorkerCount, index =>
            Work<T>(dealt + (index * SlotCount), _blockBytes, perWorker, Seed + 1 + (ulong)index));
        PointerTable.Return(dealt);
        return perWorker * WorkerCount;
    };

    private void** Deal<T>()
        where T : struct, IAllocatorSubject
    {
        int count = WorkerCount * SlotCount;
        void** blocks = PointerTable.Rent(count);
        for (int i = 0; i < count; i++)
        {
            blocks[i] = T.Alloc(_blockBytes);
            Block.Touch(blocks[i], _blockBytes);
        }

        Xorshift random = new(Seed);
        PointerTable.Shuffle(blocks, count, ref random);
        return blocks;
    }

    private static void Work<T>(void** dealt, nuint blockBytes, long operations, ulong seed)
        where T : struct, IAllocatorSubject
    {
        // The thread's own, so that no cache line has entries of two threads' tables.
        void** slots = PointerTable.Rent(SlotCount);
        for (int i = 0; i < SlotCount; i++)
        {
            slots[i] = dealt[i];
        }

        Xorshift random = new(seed);
        for (long done = 0; done < operations; done += OperationsPerCall)
        {
            Replace<T>(slots, blockBytes, ref random, Math.Min(OperationsPerCall, operations - done));
        }

        for (int i = 0; i < SlotCount; i++)
        {
            T.Free(slots[i]);
        }

        PointerTable.Return(slots);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Replace<T>(void** slots, nuint blockBytes, ref Xorshift sequence, long operations)
        where T : struct, IAllocatorSubject
    {
        Xorshift random = sequence;
        for (long i = 0; i < operations; i++)
        {
            uint slot = random.Below(SlotCount);
            T.Free(slots[slot]);
            void* block = T.Alloc(blockBytes);
            Block.Touch(block, blockBytes);
            slots[slot] = block;
        }

        sequence = random;
    }
}
