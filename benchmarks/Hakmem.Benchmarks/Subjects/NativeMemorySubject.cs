using System.Runtime.InteropServices;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>
/// What .NET ships: <see cref="NativeMemory"/>, that is the process's own malloc. The same code measures any malloc that the
/// process was started with as a preload.
/// </summary>
internal readonly unsafe struct NativeMemorySubject : IAllocatorSubject
{
    public static void* Alloc(nuint byteCount) => NativeMemory.Alloc(byteCount);

    public static void* AllocZeroed(nuint byteCount) => NativeMemory.AllocZeroed(byteCount);

    public static void* Realloc(void* block, nuint byteCount) => NativeMemory.Realloc(block, byteCount);

    public static void Free(void* block) => NativeMemory.Free(block);
}
