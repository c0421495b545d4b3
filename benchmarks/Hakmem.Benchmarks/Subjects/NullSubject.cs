using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>
/// No allocator at all: every block is the same piece of one buffer. Its row is the price of the workload's own loop, random
/// numbers and writes; what an allocator costs is its row less this one.
/// </summary>
internal readonly unsafe struct NullSubject : IAllocatorSubject
{
    /// <summary>The largest block that may be written to: more than any workload asks for but traces.</summary>
    public const int MaximumBlockBytes = 32 << 20;

    // Behind one page for each possible thread.
    private const nuint BufferBytes = MaximumBlockBytes + (ThreadSlots * ThreadStrideBytes);
    private const int ThreadSlots = 64;
    private const int ThreadStrideBytes = 8192;
    private const int StackShift = 20;

    private static readonly byte* s_buffer = (byte*)NativeMemory.Alloc(BufferBytes);

    public static void Prepare() => RuntimeHelpers.RunClassConstructor(typeof(NullSubject).TypeHandle);

    /// <remarks>
    /// Two threads that wrote to the same bytes would show the price of a contended cache line and not of a loop. The stack's
    /// address tells threads apart without the thread-static access that would be dearer than all the rest of an empty loop.
    /// </remarks>
    public static void* Alloc(nuint byteCount)
    {
        byte onStack;
        nuint thread = ((nuint)(&onStack) >> StackShift) % ThreadSlots;
        return s_buffer + (thread * ThreadStrideBytes);
    }

    /// <remarks>Not cleared: clearing is work that real allocators can avoid for fresh memory.</remarks>
    public static void* AllocZeroed(nuint byteCount) => Alloc(byteCount);

    public static void* Realloc(void* block, nuint byteCount) => block;

    public static void Free(void* block)
    {
    }
}
