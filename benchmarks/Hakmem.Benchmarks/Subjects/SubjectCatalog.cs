using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>Every subject, in the order of the table.</summary>
internal static class SubjectCatalog
{
    /// <summary>The allocator whose rows stand for the project.</summary>
    public const string Hakmem = "hakmem";

    /// <summary>All subjects, present on this machine or not.</summary>
    public static IReadOnlyList<Subject> All { get; } =
    [
        new AllocatorSubject<HakmemSubject>(Hakmem, SubjectRole.Ours, "HakmemAllocator.Shared, Alloc and Free"),
        new ScopedBufferSubject("hakmem-buffer", "NativeBuffer<byte>, in nested using scopes"),
        new BufferSubject<PooledOwnerBuffer<NativeMemoryPoolSource>>(
            "hakmem-pool", SubjectRole.Ours, "NativeMemoryPool.Shared, an owner object a rental"),
        new BufferSubject<PooledOwnerBuffer<RecyclingMemoryPoolSource>>(
            "hakmem-pool-recycled", SubjectRole.Ours, "NativeMemoryPool with RecycleOwners, no garbage"),
        new RegionSubject("hakmem-region", "MemoryRegion: bump allocation, freed at once"),
        new TagSubject<TaggedSubject>("hakmem-tagged", "HakmemAllocator.Shared.ForTag, a tag without a limit"),
        new TagSubject<LimitedTagSubject>("hakmem-tagged-limit", "the same, a tag with a limit that is never reached"),
        new QueueSubject(
            "hakmem-rent-async",
            SubjectRole.Ours,
            "NativeMemoryPool.RentAsync at the pool's cap",
            () => new PoolQueue(RentAsyncWorkload.MaxBuffers, RentAsyncWorkload.BufferBytes)),
        new VariantSubject("hakmem-checked", "HakmemAllocator.Shared at HardeningLevel.Checked", ("Hakmem.Hardening", "Checked")),
        new VariantSubject("hakmem-full", "HakmemAllocator.Shared with full hardening", ("Hakmem.Hardening", "Full")),
        new VariantSubject(
            "hakmem-sampled", "HakmemAllocator.Shared with one in 5000 allocations guarded", ("Hakmem.GuardedSampleInterval", "5000")),
        new VariantSubject("hakmem-huge", "HakmemAllocator.Shared in huge pages, as mimalloc's memory is", ("Hakmem.HugePages", "Always")),
        new VariantSubject(
            "hakmem-latency",
            "HakmemAllocator.Shared in huge pages and with caches of up to 64 MiB a thread: memory for fewer slow calls",
            ("Hakmem.HugePages", "Always"),
            ("Hakmem.ThreadCacheBytes", "67108864")),
        new AllocatorSubject<NativeMemorySubject>(
            "nativememory", SubjectRole.Peer, "NativeMemory: the C library's malloc"),
        new AllocatorSubject<MimallocSubject>(
            "mimalloc", SubjectRole.Peer, "native mimalloc through function pointers", () => MimallocLibrary.HowToGet),
        new AllocatorSubject<PortSubject<TerraFxPort>>(
            "mimalloc-terrafx",
            SubjectRole.Peer,
            "TerraFX.Interop.Mimalloc, a port to C#",
            () => ManagedPort.TerraFx.HowToGet),
        new AllocatorSubject<PortSubject<FlowtidePort>>(
            "mimalloc-flowtide",
            SubjectRole.Peer,
            "FlowtideDotNet.MiMalloc, a port to C#",
            () => ManagedPort.Flowtide.HowToGet),
        new PreloadedSubject("jemalloc", "jemalloc preloaded under NativeMemory", "libjemalloc.so.2", "libjemalloc2"),
        new PreloadedSubject(
            "tcmalloc", "tcmalloc preloaded under NativeMemory", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
        new BufferSubject<ArrayPoolBuffer>("arraypool", SubjectRole.Peer, "ArrayPool<byte>.Shared"),
        new QueueSubject(
            "semaphore-arraypool",
            SubjectRole.Peer,
            "SemaphoreSlim in front of ArrayPool<byte>.Shared",
            () => new SemaphoreQueue(RentAsyncWorkload.MaxBuffers)),
        new BufferSubject<PooledOwnerBuffer<SharedMemoryPoolSource>>(
            "memorypool", SubjectRole.Peer, "MemoryPool<byte>.Shared"),
        new BufferSubject<NewArrayBuffer>("new-array", SubjectRole.Peer, "new byte[], left to the garbage collector"),
        new BufferSubject<PooledOwnerBuffer<DotNextPoolSource>>(
            "dotnext-pool", SubjectRole.Peer, "DotNext.Unsafe's UnmanagedMemoryPool<byte>"),
        new StreamSubject("hakmem-stream", SubjectRole.Ours, "NativeMemoryStream", () => new NativeMemoryStream()),
        new StreamSubject("memorystream", SubjectRole.Peer, "MemoryStream", () => new MemoryStream()),
        new StreamSubject(
            "recyclablestream", SubjectRole.Peer, "Microsoft.IO.RecyclableMemoryStream, with its manager's defaults", RecyclableStreams.Create),
        new AllocatorSubject<NullSubject>("null", SubjectRole.Baseline, "the empty loop: one fixed address for every block"),
    ];

    /// <summary>Finds a subject by name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static Subject Find(string name) =>
        All.FirstOrDefault(subject => subject.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"There is no subject '{name}'.", nameof(name));
}
