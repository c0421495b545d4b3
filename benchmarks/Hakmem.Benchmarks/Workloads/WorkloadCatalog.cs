using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Traces.Replay;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>Every workload, in the order of the table.</summary>
internal static class WorkloadCatalog
{
    private const string Pair = "alloc + free";
    private const string Step = "alloc or free";
    private const string Rental = "rent + return";

    private static readonly TinyHotWorkload s_tinyHot = new("tiny-hot")
    {
        Definition = "one 64 B block: alloc, touch, free",
        Exposes = "the fast path",
        Operation = Pair,
        Operations = 10_000_000,
    };

    private static readonly BatchWorkload s_batch = new("batch")
    {
        Definition = "50 blocks of 64 B, then all of them freed",
        Exposes = "the depth of the thread's cache",
        Operation = Pair,
        Operations = 10_000_000,
    };

    private static readonly SlotChurnWorkload s_randomMixed = new(
        "random-mixed", slotCount: 256, minimumBytes: 16, maximumBytes: 1040)
    {
        Definition = "256 slots at random: free a full one, fill an empty one with 16..1040 B",
        Exposes = "many size classes in use at once",
        Operation = Step,
        Operations = 10_000_000,
    };

    /// <summary>All workloads.</summary>
    public static IReadOnlyList<Workload> All { get; } =
    [
        s_tinyHot,
        s_batch,
        new TinyForWorkload("tiny-for")
        {
            Definition = "tiny-hot in a loop that tests at its start, with a size from a variable",
            Exposes = "what each call looks up again, and the size class",
            Operation = Pair,
            Operations = 10_000_000,
        },
        new RegionWorkload("region")
        {
            Definition = "1000 blocks of 64 B in a loop that tests at its start, then all of them freed, " +
                "or the region reset",
            Exposes = "what freeing at once saves",
            Operation = Pair,
            Operations = 10_000_000,
        },
        new TaggedWorkload("tagged")
        {
            Definition =
                "50 blocks of 32..1208 B in a loop that tests at its start, then all freed, for a tag or for none",
            Exposes = "what it costs to count a tag's bytes",
            Operation = Pair,
            Operations = 10_000_000,
        },
        new BatchForWorkload("batch-for")
        {
            Definition = "batch with a size and a number of blocks from variables",
            Exposes = "the size class, and loops that the compiler does not unroll",
            Operation = Pair,
            Operations = 10_000_000,
        },
        new OpaqueWorkload("opaque-tiny", s_tinyHot)
        {
            Definition = "tiny-hot through calls that are never inlined",
            Exposes = "what every call has to look up again, the thread's cache above all",
            Operation = Pair,
            Operations = 10_000_000,
        },
        new OpaqueWorkload("opaque-batch", s_batch)
        {
            Definition = "batch through calls that are never inlined",
            Exposes = "the same, with blocks that are not the last one freed",
            Operation = Pair,
            Operations = 10_000_000,
        },
        new OpaqueWorkload("opaque-mixed", s_randomMixed)
        {
            Definition = "random-mixed through calls that are never inlined",
            Exposes = "the same, with many size classes",
            Operation = Step,
            Operations = 10_000_000,
        },
        s_randomMixed,
        new SlotChurnWorkload("random-mixed-cold", slotCount: 256, minimumBytes: 16, maximumBytes: 1040)
        {
            Definition = "random-mixed, a million steps in a process that has done nothing yet",
            Exposes = "start-up and page faults",
            Operation = Step,
            Operations = 1_000_000,
            RunsOnce = true,
        },
        new SlotChurnWorkload("mid", slotCount: 64, minimumBytes: 1 << 10, maximumBytes: 64 << 10)
        {
            Definition = "64 slots at random: free a full one, fill an empty one with 1..64 KiB",
            Exposes = "the mid pool",
            Operation = Step,
            Operations = 10_000_000,
        },
        new WindowsWorkload("windows")
        {
            Definition = "tables of 1..1000 B blocks freed part in order, part in reverse, a fifth kept for a pass",
            Exposes = "mixed order of frees, more blocks than a thread's cache holds",
            Operation = Pair,
            Operations = 5_000_000,
        },
        new WindowsWorkload("windows-2", workerCount: 2)
        {
            Definition = "windows on 2 threads that share nothing",
            Exposes = "whether threads wait for each other when their caches are full or empty",
            Operation = Pair,
            Operations = 10_000_000,
        },
        Private(16),
        Private(48),
        Private(64),
        Dealt(16),
        Dealt(48),
        new GrowWorkload("grow")
        {
            Definition = "realloc from 16 B by half again up to 4 MiB",
            Exposes = "growth in place, moving pages instead of copying them",
            Operation = "realloc",
            Operations = 100_000,
        },
        new LargeWorkload("large")
        {
            Definition = "20 slots of 5..25 MiB replaced at random, every page touched",
            Exposes = "mapping churn and the faults it brings",
            Operation = Pair,
            Operations = 500,
            MinimumOperations = 100,
        },
        new BuffersWorkload("buffers-64b", bufferBytes: 64, outCount: 16)
        {
            Definition = "buffers of 64 B, 16 out at a time",
            Exposes = "a pool's cost by itself",
            Operation = Rental,
            Operations = 5_000_000,
        },
        new BuffersWorkload("buffers-4k", bufferBytes: 4 << 10, outCount: 16)
        {
            Definition = "buffers of 4 KiB, 16 out at a time",
            Exposes = "what services do",
            Operation = Rental,
            Operations = 5_000_000,
        },
        new BuffersWorkload("buffers-64k", bufferBytes: 64 << 10, outCount: 4)
        {
            Definition = "buffers of 64 KiB, 4 out at a time",
            Exposes = "the same for sockets' and files' buffers",
            Operation = Rental,
            Operations = 5_000_000,
        },
        new BuffersWorkload("buffers-1m", bufferBytes: 1 << 20, outCount: 2)
        {
            Definition = "buffers of 1 MiB, 2 out at a time",
            Exposes = "where allocators give up caching and ask the kernel",
            Operation = Rental,
            Operations = 5_000_000,
        },
        new BuffersWorkload("buffers-1m-4", bufferBytes: 1 << 20, outCount: 4)
        {
            Definition = "buffers of 1 MiB, 4 out at a time",
            Exposes = "pools that keep a buffer or two of a size at hand",
            Operation = Rental,
            Operations = 5_000_000,
        },
        new BuffersForWorkload("buffers-for-4k", bufferBytes: 4 << 10, outCount: 16)
        {
            Definition = "buffers-4k in loops that test at their start",
            Exposes = "what each call looks up again",
            Operation = Rental,
            Operations = 5_000_000,
        },
        new BuffersForWorkload("buffers-for-64k", bufferBytes: 64 << 10, outCount: 4)
        {
            Definition = "buffers-64k in loops that test at their start",
            Exposes = "the same for sockets' and files' buffers",
            Operation = Rental,
            Operations = 5_000_000,
        },
        new BuffersForWorkload("buffers-for-1m", bufferBytes: 1 << 20, outCount: 2)
        {
            Definition = "buffers-1m in loops that test at their start",
            Exposes = "where allocators give up caching and ask the kernel",
            Operation = Rental,
            Operations = 5_000_000,
        },
        new StreamWorkload("stream", streamBytes: 64 << 20, pieceBytes: 4 << 10)
        {
            Definition = "a stream in memory written to 64 MiB, 4 KiB at a time, and disposed",
            Exposes = "growth: copying and clearing, or chunks",
            Operation = "64 MiB",
            Operations = 20,
        },
        new StreamWorkload("stream-small", streamBytes: 16 << 10, pieceBytes: 256)
        {
            Definition = "a stream in memory written to 16 KiB, 256 B at a time, and disposed",
            Exposes = "what a small stream costs, and its first chunk",
            Operation = "16 KiB",
            Operations = 100_000,
        },
        new LarsonWorkload("larson", workerCount: 2, minimumBytes: 8, maximumBytes: 1000)
        {
            Definition = "2 workers replace 8..1000 B blocks in 5000 slots each; every 200 000 operations a new thread takes over",
            Exposes = "frees of other threads' blocks, threads that come and go",
            Operation = Pair,
            Operations = 4_000_000,
            MinimumOperations = 4_000_000,
        },
        new LarsonWorkload("larson-tiny", workerCount: 2, minimumBytes: 8, maximumBytes: 64)
        {
            Definition = "larson with 8..64 B blocks",
            Exposes = "cache lines that threads share, and hand over",
            Operation = Pair,
            Operations = 4_000_000,
            MinimumOperations = 4_000_000,
        },
        new XmallocWorkload("xmalloc")
        {
            Definition = "1 producer allocates batches of 4096 blocks of 8..2048 B, 1 consumer frees them, at most 100 wait",
            Exposes = "memory that always dies on another thread",
            Operation = Pair,
            Operations = 4_000_000,
            MinimumOperations = 1_000_000,
        },
        new AsyncWorkload("async")
        {
            Definition = "16 tasks rent 4 KiB, await a yield, and return it on whatever thread resumes",
            Exposes = "buffers that change threads at every await",
            Operation = Rental,
            Operations = 500_000,
        },
        new RentAsyncWorkload("rent-async")
        {
            Definition =
                "32 tasks that share room for 4 buffers of 16 KiB: each waits for one, awaits a yield, and returns it",
            Exposes = "a service at its limit",
            Operation = Rental,
            Operations = 200_000,
        },
        new StressWorkload("mstress")
        {
            Definition = "threads with long and short lives, blocks kept and swapped through 1000 shared slots, 2 % far larger; all verified",
            Exposes = "migration, fragmentation, correctness",
            Operation = Pair,
            Operations = 400_000,
            MinimumOperations = 400_000,
        },
        new CacheScratchWorkload("cache-scratch", workerCount: 2)
        {
            Definition = "2 threads each free one of two neighbouring 8 B blocks, then allocate 8 B, write 10 000 times, free",
            Exposes = "false sharing between threads",
            Operation = "write",
            Operations = 50_000_000,
        },
        new ThreadChurnWorkload("thread-churn")
        {
            Definition = "400 rounds of 8 threads, 50 blocks of 128 B each, freed by others",
            Exposes = "what dead threads leave behind",
            Operation = "thread",
            Operations = 400 * ThreadChurnWorkload.ThreadsPerRound,
            RunsOnce = true,
        },
        new TailWorkload("tail")
        {
            Definition = "ten times 200 MiB of 16 B to 4 KiB, of which 2 % at random live on for a round, then a wait",
            Exposes = "what few live blocks keep resident",
            Operation = Pair,
            Operations = 1,
            RunsOnce = true,
        },
        ReplayWorkload.Shipped(
            "redis",
            "trace of redis-server under redis-benchmark: strings, lists, hashes, sorted sets, expiry",
            "many small strings that live long, tables that double"),
        ReplayWorkload.Shipped(
            "sqlite",
            "trace of sqlite3 that loads a table, builds two indexes and queries them",
            "a cache of pages, short statements"),
        ReplayWorkload.Shipped(
            "postgres",
            "trace of a PostgreSQL backend that serves pgbench and a few analytic queries",
            "arenas of 1 KiB to 8 MiB for each statement"),
        ReplayWorkload.Shipped(
            "python",
            "trace of python3 that parses JSON, groups and sorts it, each object a block",
            "millions of tiny blocks that die in another order"),
        ReplayWorkload.Shipped(
            "kestrel",
            "trace of a Kestrel service's pools: JSON, downloads, uploads, a cache",
            "buffers of services on threads that change at every await"),
        ReplayWorkload.Shipped(
            "arrow",
            "trace of an Arrow job: batches written, read, filtered, kept and dropped",
            "large aligned buffers that live for a batch"),
    ];

    /// <summary>Finds a workload by name; that of a trace file is its path.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static Workload Find(string name) =>
        ReplayWorkload.IsFile(name) ? ReplayWorkload.OfFile(name)
        : All.FirstOrDefault(workload => workload.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"There is no workload '{name}'.", nameof(name));

    // Both take the number of operations that they are defined by, however slow the subject is.
    private static PrivateWorkload Private(uint blockBytes) => new($"private-{blockBytes}", workerCount: 2, blockBytes)
    {
        Definition = $"2 threads each: 3000 blocks of {blockBytes} B allocated, two earlier ones written after each, "
            + "all shuffled, all freed",
        Exposes = "cache lines that threads share through what the allocator keeps",
        Operation = Pair,
        Operations = 40_000_000,
        MinimumOperations = 40_000_000,
    };

    private static DealtWorkload Dealt(uint blockBytes) => new($"dealt-{blockBytes}", workerCount: 2, blockBytes)
    {
        Definition = $"2000 neighbours of {blockBytes} B dealt at random to 2 threads, which replace their own",
        Exposes = "false sharing that lasts",
        Operation = Pair,
        Operations = 20_000_000,
        MinimumOperations = 20_000_000,
    };
}
