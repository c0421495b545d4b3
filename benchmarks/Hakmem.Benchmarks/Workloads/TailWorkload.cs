using System;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Ten rounds that each allocate 200 MiB and free all but 2 % of the blocks, at random: the tail. A round's tail is
/// freed at the end of the next round but one, so two tails are live whenever memory is measured. That is after each
/// round's frees and a wait that is longer than the allocators take to return memory with time. The wait is not in the
/// row's time.
/// </summary>
internal sealed unsafe class TailWorkload : Workload
{
    /// <summary>How many rounds there are.</summary>
    public const int Rounds = 10;

    /// <summary>How many tails are live at the end of a round.</summary>
    private const int LiveTails = 2;

    private const long BytesPerRound = 200L << 20;
    private const uint KeptOneIn = 50;

    // 16 B to 4 KiB, each doubling as likely as any other: the mean is one and a half times that of the powers of two.
    private const int LeastShift = 4;
    private const uint Doublings = 8;
    private const long MeanBytes = 3 * (((1 << (int)Doublings) - 1) << LeastShift) / (2 * Doublings);
    private const int BlocksPerRound = (int)(BytesPerRound / MeanBytes);

    private const ulong Seed = 0x7A11;

    // Twice Hakmem's default delay is what it promises.
    private static readonly TimeSpan s_wait = TimeSpan.FromMilliseconds(2_500);

    private TimeSpan _paused;
    private TailFigures[] _rounds = [];

    public TailWorkload(string name)
        : base(name)
    {
    }

    public override TimeSpan Paused => _paused;

    /// <summary>The round in the middle: the machine may be too busy in one for memory to be back.</summary>
    public override TailFigures? Tail =>
        _rounds.OrderBy(round => round.ResidentOverLive).ElementAtOrDefault(_rounds.Length / 2);

    public override WorkloadBody ForAllocator<T>() => _ => Run<T>();

    private long Run<T>()
        where T : struct, IAllocatorSubject
    {
        void** blocks = PointerTable.Rent(BlocksPerRound);
        int[] sizes = new int[BlocksPerRound];
        Survivors[] tails = new Survivors[LiveTails + 1];
        for (int i = 0; i < tails.Length; i++)
        {
            tails[i] = new Survivors();
        }

        // The tables' own pages are not the allocator's.
        new Span<nint>(blocks, BlocksPerRound).Fill(1);
        sizes.AsSpan().Fill(1);
        long before = ProcessFigures.ResidentBytes;
        Xorshift random = new(Seed);
        for (int round = 0; round < Rounds; round++)
        {
            Allocate<T>(blocks, sizes, ref random);
            FreeMost<T>(blocks, sizes, tails[round % tails.Length], ref random);
            tails[(round + 1) % tails.Length].Free<T>();
            Measure<T>(round, before, tails);
        }

        foreach (Survivors tail in tails)
        {
            tail.Free<T>();
        }

        PointerTable.Return(blocks);
        return Rounds * (long)BlocksPerRound;
    }

    private static void Allocate<T>(void** blocks, int[] sizes, ref Xorshift sequence)
        where T : struct, IAllocatorSubject
    {
        Xorshift random = sequence;
        for (int i = 0; i < sizes.Length; i++)
        {
            uint least = 1u << (LeastShift + (int)random.Below(Doublings));
            nuint byteCount = least + random.Below(least);
            void* block = T.Alloc(byteCount);
            Block.Touch(block, byteCount);
            blocks[i] = block;
            sizes[i] = (int)byteCount;
        }

        sequence = random;
    }

    private static void FreeMost<T>(void** blocks, int[] sizes, Survivors tail, ref Xorshift sequence)
        where T : struct, IAllocatorSubject
    {
        Xorshift random = sequence;
        for (int i = 0; i < sizes.Length; i++)
        {
            if (random.Below(KeptOneIn) == 0)
            {
                tail.Add(blocks[i], sizes[i]);
            }
            else
            {
                T.Free(blocks[i]);
            }
        }

        sequence = random;
    }

    private void Measure<T>(int round, long before, Survivors[] tails)
        where T : struct, IAllocatorSubject
    {
        long start = Stopwatch.GetTimestamp();
        Thread.Sleep(s_wait);

        // Allocators without a thread of their own return memory in calls.
        T.Free(T.Alloc(1 << LeastShift));
        long live = 0;
        foreach (Survivors tail in tails)
        {
            live += tail.Bytes;
        }

        TailFigures figures = new()
        {
            LiveBytes = live,
            ResidentBytes = ProcessFigures.ResidentBytes - before,
            DirtyBytes = typeof(T) == typeof(HakmemSubject) ? HakmemAllocator.Shared.GetStatistics().DirtyBytes : null,
        };

        // The first rounds have fewer tails.
        if (round >= LiveTails - 1)
        {
            _rounds = [.. _rounds, figures];
        }

        _paused += Stopwatch.GetElapsedTime(start);
    }

    /// <summary>The blocks of one round that live on, and their bytes.</summary>
    private sealed class Survivors
    {
        // Twice as many as there will be, give or take.
        private readonly nint[] _blocks = new nint[2 * BlocksPerRound / (int)KeptOneIn];
        private int _count;

        public Survivors() => _blocks.AsSpan().Fill(1);

        public long Bytes { get; private set; }

        public void Add(void* block, int byteCount)
        {
            _blocks[_count++] = (nint)block;
            Bytes += byteCount;
        }

        public void Free<T>()
            where T : struct, IAllocatorSubject
        {
            for (int i = 0; i < _count; i++)
            {
                T.Free((void*)_blocks[i]);
            }

            _count = 0;
            Bytes = 0;
        }
    }
}
