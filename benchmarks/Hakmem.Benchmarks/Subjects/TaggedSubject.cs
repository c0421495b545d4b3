using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>Hakmem through the allocator of a tag without a limit, which a program keeps in a field.</summary>
internal readonly unsafe struct TaggedSubject : IAllocatorSubject
{
    /// <summary>What the blocks count for.</summary>
    public static readonly MemoryTag Tag = new("benchmark");

    private static readonly IHakmemAllocator s_allocator = HakmemAllocator.Shared.ForTag(Tag);

    public static void* Alloc(nuint byteCount) => s_allocator.Alloc(byteCount);

    public static void* AllocZeroed(nuint byteCount) => s_allocator.AllocZeroed(byteCount);

    public static void* Realloc(void* block, nuint byteCount) => s_allocator.Realloc(block, byteCount);

    public static void Free(void* block) => s_allocator.Free(block);
}

/// <summary>The same with a limit on the tag, which is never reached: each call counts at once.</summary>
internal readonly unsafe struct LimitedTagSubject : IAllocatorSubject
{
    /// <summary>What the blocks count for.</summary>
    public static readonly MemoryTag Tag = new("benchmark", hardBytes: long.MaxValue);

    private static readonly IHakmemAllocator s_allocator = HakmemAllocator.Shared.ForTag(Tag);

    public static void* Alloc(nuint byteCount) => s_allocator.Alloc(byteCount);

    public static void* AllocZeroed(nuint byteCount) => s_allocator.AllocZeroed(byteCount);

    public static void* Realloc(void* block, nuint byteCount) => s_allocator.Realloc(block, byteCount);

    public static void Free(void* block) => s_allocator.Free(block);
}

/// <summary>A tag's allocator, in the workload that is for tags.</summary>
/// <typeparam name="T">The allocator's calls.</typeparam>
internal sealed class TagSubject<T>(string name, string description)
    : AllocatorSubject<T>(name, SubjectRole.Ours, description)
    where T : struct, IAllocatorSubject
{
    public override WorkloadBody? BodyOf(Workload workload) =>
        workload is TaggedWorkload ? base.BodyOf(workload) : null;
}
