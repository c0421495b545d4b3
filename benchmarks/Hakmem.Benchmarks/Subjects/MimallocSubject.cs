using System.Runtime.CompilerServices;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>
/// Native mimalloc by the cheapest call .NET has: a function pointer that skips the garbage collector's transition, held in a
/// static readonly field so that optimised code has the address as a constant.
/// </summary>
/// <remarks>
/// Skipping the transition is kinder than what a library could ship: a collection has to wait while such a call is inside the
/// kernel. It is used here so that the peer's row shows mimalloc and not the cost of crossing over to it.
/// </remarks>
internal readonly unsafe struct MimallocSubject : IAllocatorSubject
{
    private static readonly delegate* unmanaged[SuppressGCTransition]<nuint, void*> s_malloc =
        (delegate* unmanaged[SuppressGCTransition]<nuint, void*>)MimallocLibrary.Export("mi_malloc");

    private static readonly delegate* unmanaged[SuppressGCTransition]<nuint, void*> s_zalloc =
        (delegate* unmanaged[SuppressGCTransition]<nuint, void*>)MimallocLibrary.Export("mi_zalloc");

    private static readonly delegate* unmanaged[SuppressGCTransition]<void*, nuint, void*> s_realloc =
        (delegate* unmanaged[SuppressGCTransition]<void*, nuint, void*>)MimallocLibrary.Export("mi_realloc");

    private static readonly delegate* unmanaged[SuppressGCTransition]<void*, void> s_free =
        (delegate* unmanaged[SuppressGCTransition]<void*, void>)MimallocLibrary.Export("mi_free");

    /// <summary>Loads the library and binds the entry points: in a C program the dynamic loader has done so before main.</summary>
    public static void Prepare() => RuntimeHelpers.RunClassConstructor(typeof(MimallocSubject).TypeHandle);

    public static void* Alloc(nuint byteCount) => s_malloc(byteCount);

    public static void* AllocZeroed(nuint byteCount) => s_zalloc(byteCount);

    public static void* Realloc(void* block, nuint byteCount) => s_realloc(block, byteCount);

    public static void Free(void* block) => s_free(block);
}
