namespace Hakmem.Benchmarks.Subjects;

/// <summary>
/// One allocator as the block workloads see it. The members are static and every implementation is a struct, so a workload
/// written once over a type parameter is compiled once per allocator, with each call bound at compile time: what is timed is the
/// allocator, never a virtual call in front of it.
/// </summary>
internal unsafe interface IAllocatorSubject
{
    /// <summary>Does what a program linked against the allocator has behind it when it starts, such as loading a library.</summary>
    static virtual void Prepare()
    {
    }

    /// <summary>Allocates a block; the contents are undefined.</summary>
    static abstract void* Alloc(nuint byteCount);

    /// <summary>Allocates a block of zeros.</summary>
    static abstract void* AllocZeroed(nuint byteCount);

    /// <summary>Changes a block's size, keeping what fits of its contents.</summary>
    static abstract void* Realloc(void* block, nuint byteCount);

    /// <summary>Frees a block, from whatever thread.</summary>
    static abstract void Free(void* block);
}
