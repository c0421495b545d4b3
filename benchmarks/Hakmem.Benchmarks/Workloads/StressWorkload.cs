using System.Threading;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Threads of very different lengths of life allocate, keep, free and swap blocks through slots that all of them share, so that
/// any block may be freed by any thread, dead owners included. Sizes are mostly small, now and then a hundred to ten thousand
/// times larger. Every word is verified before a block is freed. After mimalloc's test-stress.
/// </summary>
/// <remarks>
/// There is no empty loop for it: blocks that are all the same memory do not verify. One worker alone lives all lives
/// of a wave, one after the other.
/// </remarks>
internal sealed unsafe class StressWorkload : Workload
{
    private const int LivesPerWave = 4;
    private const int SharedSlots = 1000;
    private const int WaveOperations = 40_000;
    private const int UsualWordsShift = 7;

    public StressWorkload(string name)
        : base(name, LivesPerWave)
    {
    }

    public override WorkloadBody? ForAllocator<T>() => typeof(T) == typeof(NullSubject) ? null : Run<T>;

    // The number of waves decides how much the first one's page faults count, so it is the same for one worker.
    protected override long OperationsOfOneWorker(long operations) => operations;

    private long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        nint[] shared = new nint[SharedSlots];
        long allocated = 0;
        for (long wave = 0; allocated < operations; wave++)
        {
            ulong seed = (ulong)wave * LivesPerWave;
            Crew.Run(WorkerCount, worker =>
            {
                for (int life = worker; life < LivesPerWave; life += WorkerCount)
                {
                    Interlocked.Add(ref allocated, Live<T>(shared, life, seed + (ulong)life));
                }
            });
            FreeShared<T>(shared, step: 2);
        }

        FreeShared<T>(shared, step: 1);
        return allocated;
    }

    // One thread's life. Thread 0 gets a tenth of the wave, the last one four tenths.
    private static long Live<T>(nint[] shared, int index, ulong seed)
        where T : struct, IAllocatorSubject
    {
        Xorshift random = new(seed);
        int lifetime = WaveOperations / 10 * (index + 1);
        int retainedCount = lifetime / 4;
        void** own = PointerTable.Rent(lifetime);
        int used = 0;
        for (int i = 0; i < lifetime; i++)
        {
            own[used++] = CheckedBlock.Alloc<T>(WordCount(ref random));

            // The first quarter of the table is kept until the thread ends.
            if (used <= retainedCount)
            {
                continue;
            }

            int candidates = used - retainedCount;
            if (random.Below(3) != 0)
            {
                FreeOne<T>(own, retainedCount + (int)random.Below((uint)candidates), ref used);
            }

            if (random.Below(4) == 0 && used > retainedCount)
            {
                int mine = retainedCount + (int)random.Below((uint)(used - retainedCount));
                own[mine] = (void*)Interlocked.Exchange(ref shared[random.Below(SharedSlots)], (nint)own[mine]);
            }
        }

        for (int i = 0; i < used; i++)
        {
            CheckedBlock.Free<T>(own[i]);
        }

        PointerTable.Return(own);
        return lifetime;
    }

    private static void FreeOne<T>(void** own, int victim, ref int used)
        where T : struct, IAllocatorSubject
    {
        CheckedBlock.Free<T>(own[victim]);
        own[victim] = own[--used];
    }

    // 1 to 128 words, a power of two as most structures nearly are; two in a hundred are 100 times that or more.
    private static uint WordCount(ref Xorshift random)
    {
        uint words = 1u << (int)random.Below(UsualWordsShift + 1);
        if (random.Below(100) >= 2)
        {
            return words;
        }

        uint factor = random.Below(100) switch
        {
            < 1 => 10_000,
            < 10 => 1_000,
            _ => 100,
        };
        return words * factor;
    }

    private static void FreeShared<T>(nint[] shared, int step)
        where T : struct, IAllocatorSubject
    {
        for (int i = 0; i < shared.Length; i += step)
        {
            CheckedBlock.Free<T>((void*)Interlocked.Exchange(ref shared[i], 0));
        }
    }
}
