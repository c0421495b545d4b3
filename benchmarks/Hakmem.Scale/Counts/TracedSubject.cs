using System;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Scale.Counts;

/// <summary>Hakmem through its shared heap, with each call noted in the thread's lane.</summary>
internal readonly unsafe struct TracedSubject : IAllocatorSubject
{
    public static void* Alloc(nuint byteCount)
    {
        // Before the call, so that the call's locks are noted too.
        Lane lane = Lane.Current;
        void* block = HakmemAllocator.Shared.Alloc(byteCount);
        lane.OnAllocated((nuint)block);
        return block;
    }

    public static void* AllocZeroed(nuint byteCount) => throw new NotSupportedException();

    public static void* Realloc(void* block, nuint byteCount) => throw new NotSupportedException();

    public static void Free(void* block)
    {
        if (block is null)
        {
            return;
        }

        Lane.Current.OnFreeing((nuint)block);
        HakmemAllocator.Shared.Free(block);
    }
}
