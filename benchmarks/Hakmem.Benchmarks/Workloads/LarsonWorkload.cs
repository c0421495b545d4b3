using System;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Larson and Krishnan's server: each worker owns a table of blocks that another thread allocated, replaces them at random, and
/// after a while hands the table to a new thread and dies. Blocks outlive the threads that allocated them.
/// </summary>
internal sealed unsafe class LarsonWorkload : Workload
{
    private const int SlotCount = 5000;
    private const long OperationsPerThread = 200_000;

    // Work is cut into calls so that the loop is reached often enough to be compiled at the top tier in the warm-up.
    private const long OperationsPerCall = 10_000;

    private readonly uint _minimumBytes;
    private readonly uint _sizeCount;

    /// <summary>Describes the server.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="workerCount">How many tables there are, and threads at a time.</param>
    /// <param name="minimumBytes">The smallest block.</param>
    /// <param name="maximumBytes">The largest block.</param>
    public LarsonWorkload(string name, int workerCount, uint minimumBytes, uint maximumBytes)
        : base(name, workerCount)
    {
        _minimumBytes = minimumBytes;
        _sizeCount = maximumBytes - minimumBytes + 1;
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

    private long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        long perWorker = OperationsPerWorker(operations);
        nint[] tables = new nint[WorkerCount];
        for (int i = 0; i < WorkerCount; i++)
        {
            tables[i] = (nint)Fill<T>((ulong)i);
        }

        using (Crew crew = new())
        {
            for (int i = 0; i < WorkerCount; i++)
            {
                StartWorker<T>(crew, tables[i], perWorker, (ulong)(i + WorkerCount));
            }

            crew.Wait();
        }

        foreach (nint table in tables)
        {
            Drain<T>((void**)table);
        }

        return perWorker * WorkerCount;
    }

    private void StartWorker<T>(Crew crew, nint table, long remaining, ulong seed)
        where T : struct, IAllocatorSubject
    {
        crew.Start(() =>
        {
            long mine = Math.Min(remaining, OperationsPerThread);
            Xorshift random = new(seed);
            for (long done = 0; done < mine; done += OperationsPerCall)
            {
                long count = Math.Min(OperationsPerCall, mine - done);
                Replace<T>((void**)table, _minimumBytes, _sizeCount, ref random, count);
            }

            if (remaining > mine)
            {
                StartWorker<T>(crew, table, remaining - mine, seed + (ulong)WorkerCount);
            }
        });
    }

    private static void Replace<T>(
        void** slots, uint minimumBytes, uint sizeCount, ref Xorshift sequence, long operations)
        where T : struct, IAllocatorSubject
    {
        Xorshift random = sequence;
        for (long i = 0; i < operations; i++)
        {
            ulong drawn = random.Next();
            uint slot = (uint)(((drawn & uint.MaxValue) * SlotCount) >> 32);
            T.Free(slots[slot]);
            slots[slot] = NewBlock<T>(minimumBytes, sizeCount, drawn);
        }

        sequence = random;
    }

    private void** Fill<T>(ulong seed)
        where T : struct, IAllocatorSubject
    {
        void** slots = PointerTable.Rent(SlotCount);
        Xorshift random = new(seed);
        for (int i = 0; i < SlotCount; i++)
        {
            slots[i] = NewBlock<T>(_minimumBytes, _sizeCount, random.Next());
        }

        return slots;
    }

    private static void Drain<T>(void** slots)
        where T : struct, IAllocatorSubject
    {
        for (int i = 0; i < SlotCount; i++)
        {
            T.Free(slots[i]);
        }

        PointerTable.Return(slots);
    }

    private static void* NewBlock<T>(uint minimumBytes, uint sizeCount, ulong drawn)
        where T : struct, IAllocatorSubject
    {
        nuint byteCount = minimumBytes + Xorshift.Scale(drawn, sizeCount);
        void* block = T.Alloc(byteCount);
        Block.Touch(block, byteCount);
        return block;
    }
}
