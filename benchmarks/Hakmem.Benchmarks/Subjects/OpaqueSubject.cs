using System.Runtime.CompilerServices;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>
/// Another subject behind calls that the compiler may not inline: how an allocator is met in a large program, where nothing that
/// one call looked up (the thread's cache above all) can be kept in a register for the next.
/// </summary>
/// <typeparam name="T">The subject behind the calls.</typeparam>
internal readonly unsafe struct OpaqueSubject<T> : IAllocatorSubject
    where T : struct, IAllocatorSubject
{
    public static void Prepare() => T.Prepare();

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Alloc(nuint byteCount) => T.Alloc(byteCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* AllocZeroed(nuint byteCount) => T.AllocZeroed(byteCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void* Realloc(void* block, nuint byteCount) => T.Realloc(block, byteCount);

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Free(void* block) => T.Free(block);
}
