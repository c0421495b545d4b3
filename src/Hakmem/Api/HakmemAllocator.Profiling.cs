using System;
using Hakmem.Heaps;
using Hakmem.Records;

namespace Hakmem;

// What a profiler needs of a heap.
public sealed unsafe partial class HakmemAllocator
{
    // Throws NotSupportedException for a heap without an arena. purpose completes "a heap cannot ...".
    internal Heap RequireHeap(string purpose)
    {
        ThrowIfDisposed();
        return _heap ?? throw new NotSupportedException(
            $"A heap that NativeMemory serves cannot {purpose}: this process has no arena, or the allocator is not " +
            "Hakmem's own.");
    }

    // Gives the calling thread's cache, if it has one, the form that the heap wants now.
    internal void UpdateCacheForm()
    {
        ThreadCache* cache = CurrentThreadCache;
        if (cache != null)
        {
            _heap.UpdateForm(cache);
        }
    }

    // The record with the calling thread's magazines; null if it has none yet.
    private ThreadCache* CurrentThreadCache
    {
        get
        {
            ThreadCache* shared = Small.CurrentThread.Shared;
            return ThreadCache.MagazinesOf(
                ReferenceEquals(this, s_shared) ? shared : Small.CurrentThread.PeerOf(shared, _slot));
        }
    }
}
