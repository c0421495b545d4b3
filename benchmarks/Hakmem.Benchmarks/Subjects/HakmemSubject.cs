namespace Hakmem.Benchmarks.Subjects;

/// <summary>Hakmem through its shared heap, spelled out at every call as a program would spell it.</summary>
internal readonly unsafe struct HakmemSubject : IAllocatorSubject
{
    public static void* Alloc(nuint byteCount) => HakmemAllocator.Shared.Alloc(byteCount);

    public static void* AllocZeroed(nuint byteCount) => HakmemAllocator.Shared.AllocZeroed(byteCount);

    public static void* Realloc(void* block, nuint byteCount) => HakmemAllocator.Shared.Realloc(block, byteCount);

    public static void Free(void* block) => HakmemAllocator.Shared.Free(block);
}
