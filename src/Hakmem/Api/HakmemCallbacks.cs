using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem;

/// <summary>
/// <see cref="HakmemAllocator.Shared"/> as functions for native libraries that take an allocator, such as SQLite or
/// zlib: pointers with the signatures of C's <c>malloc</c>, <c>calloc</c>, <c>realloc</c>, <c>free</c>,
/// <c>aligned_alloc</c> and <c>malloc_usable_size</c>, and the calling convention of C.
/// </summary>
/// <remarks>
/// <para>
/// Thread-safe, also for threads that the native library has started. The pointers are valid as long as the process
/// lives. A block may be freed by managed code too, and the other way round.
/// </para>
/// <para>
/// As in C, a request that cannot be served returns null; <c>errno</c> is not set. Zero bytes give a block of their
/// own. No exception can cross into native code, so a misuse that Hakmem finds, such as a double free, ends the process
/// with the message of the <see cref="HakmemCorruptionException"/>
/// (<see cref="Environment.FailFast(string, Exception)"/>).
/// </para>
/// </remarks>
public static unsafe class HakmemCallbacks
{
    /// <summary><c>void* malloc(size_t bytes)</c>: a block, aligned to 16 bytes, with undefined contents.</summary>
#if NETSTANDARD
    public static delegate* unmanaged[Cdecl]<nuint, void*> Malloc { get; } =
        (delegate* unmanaged[Cdecl]<nuint, void*>)PointerTo<MallocFunction>(AllocOrNull);
#else
    public static delegate* unmanaged[Cdecl]<nuint, void*> Malloc => &MallocEntry;
#endif

    /// <summary><c>void* calloc(size_t count, size_t bytes)</c>: a block for an array, all zeros; null if the product
    /// overflows.</summary>
#if NETSTANDARD
    public static delegate* unmanaged[Cdecl]<nuint, nuint, void*> Calloc { get; } =
        (delegate* unmanaged[Cdecl]<nuint, nuint, void*>)PointerTo<CallocFunction>(AllocZeroedOrNull);
#else
    public static delegate* unmanaged[Cdecl]<nuint, nuint, void*> Calloc => &CallocEntry;
#endif

    /// <summary><c>void* realloc(void* block, size_t bytes)</c>: the block with another size; the old one is unchanged
    /// if the result is null. Zero bytes do not free the block.</summary>
#if NETSTANDARD
    public static delegate* unmanaged[Cdecl]<void*, nuint, void*> Realloc { get; } =
        (delegate* unmanaged[Cdecl]<void*, nuint, void*>)PointerTo<ReallocFunction>(ReallocOrNull);
#else
    public static delegate* unmanaged[Cdecl]<void*, nuint, void*> Realloc => &ReallocEntry;
#endif

    /// <summary><c>void free(void* block)</c>: frees a block; null does nothing.</summary>
#if NETSTANDARD
    public static delegate* unmanaged[Cdecl]<void*, void> Free { get; } =
        (delegate* unmanaged[Cdecl]<void*, void>)PointerTo<FreeFunction>(FreeOrFail);
#else
    public static delegate* unmanaged[Cdecl]<void*, void> Free => &FreeEntry;
#endif

    /// <summary><c>void* aligned_alloc(size_t alignment, size_t bytes)</c>: a block with an alignment, a power of two;
    /// null for any other. The size need not be a multiple of it.</summary>
#if NETSTANDARD
    public static delegate* unmanaged[Cdecl]<nuint, nuint, void*> AlignedAlloc { get; } =
        (delegate* unmanaged[Cdecl]<nuint, nuint, void*>)PointerTo<AlignedAllocFunction>(AlignedAllocOrNull);
#else
    public static delegate* unmanaged[Cdecl]<nuint, nuint, void*> AlignedAlloc => &AlignedAllocEntry;
#endif

    /// <summary><c>size_t malloc_usable_size(void* block)</c>: how many bytes a block has, at least as many as were
    /// requested; zero for null.</summary>
#if NETSTANDARD
    public static delegate* unmanaged[Cdecl]<void*, nuint> UsableSize { get; } =
        (delegate* unmanaged[Cdecl]<void*, nuint>)PointerTo<UsableSizeFunction>(UsableSizeOrFail);
#else
    public static delegate* unmanaged[Cdecl]<void*, nuint> UsableSize => &UsableSizeEntry;
#endif

    private static void* AllocOrNull(nuint byteCount)
    {
        try
        {
            return HakmemAllocator.Shared.Alloc(byteCount);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
        catch (Exception found)
        {
            return Fail(found);
        }
    }

    private static void* AllocZeroedOrNull(nuint count, nuint byteCount)
    {
        if (byteCount != 0 && count > unchecked((nuint)(-1)) / byteCount)
        {
            return null;
        }

        try
        {
            return HakmemAllocator.Shared.AllocZeroed(count * byteCount);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
        catch (Exception found)
        {
            return Fail(found);
        }
    }

    private static void* ReallocOrNull(void* block, nuint byteCount)
    {
        try
        {
            return HakmemAllocator.Shared.TryRealloc(ref block, byteCount) ? block : null;
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
        catch (Exception found)
        {
            return Fail(found);
        }
    }

    private static void FreeOrFail(void* block)
    {
        try
        {
            HakmemAllocator.Shared.Free(block);
        }
        catch (Exception found)
        {
            Fail(found);
        }
    }

    private static void* AlignedAllocOrNull(nuint alignment, nuint byteCount)
    {
        if (alignment == 0 || (alignment & (alignment - 1)) != 0)
        {
            return null;
        }

        try
        {
            return HakmemAllocator.Shared.TryAlignedAlloc(byteCount, alignment, out void* block) ? block : null;
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
        catch (Exception found)
        {
            return Fail(found);
        }
    }

    private static nuint UsableSizeOrFail(void* block)
    {
        try
        {
            return HakmemAllocator.Shared.UsableSize(block);
        }
        catch (Exception found)
        {
            return (nuint)Fail(found);
        }
    }

    private static void* Fail(Exception found)
    {
        string cause = found is HakmemCorruptionException ? "A native caller of Hakmem made an error" : "Hakmem failed";
        Environment.FailFast($"{cause}: {found.Message}", found);
        return null;
    }

#if NETSTANDARD
    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void* MallocFunction(nuint byteCount);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void* CallocFunction(nuint count, nuint byteCount);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void* ReallocFunction(void* block, nuint byteCount);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void FreeFunction(void* block);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void* AlignedAllocFunction(nuint alignment, nuint byteCount);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nuint UsableSizeFunction(void* block);

    // A delegate is kept for the life of the process, or its pointer would end with it.
    private static void* PointerTo<TFunction>(TFunction function)
        where TFunction : Delegate
    {
        GCHandle.Alloc(function);
        return (void*)Marshal.GetFunctionPointerForDelegate(function);
    }
#else
    // The entries from native code. Managed code cannot call them.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* MallocEntry(nuint byteCount) => AllocOrNull(byteCount);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* CallocEntry(nuint count, nuint byteCount) => AllocZeroedOrNull(count, byteCount);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* ReallocEntry(void* block, nuint byteCount) => ReallocOrNull(block, byteCount);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void FreeEntry(void* block) => FreeOrFail(block);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* AlignedAllocEntry(nuint alignment, nuint byteCount) =>
        AlignedAllocOrNull(alignment, byteCount);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nuint UsableSizeEntry(void* block) => UsableSizeOrFail(block);
#endif
}
