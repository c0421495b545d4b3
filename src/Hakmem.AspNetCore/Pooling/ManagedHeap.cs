using System;

namespace Hakmem.AspNetCore.Pooling;

// What a store asks of the garbage collector. Tests have one of their own that counts collections. Thread-safe.
internal class ManagedHeap
{
    public static readonly ManagedHeap Process = new();

    // The size of the managed heap, including garbage.
    public virtual long Bytes => GC.GetTotalMemory(forceFullCollection: false);

    // Collections of the oldest generation, which collect the arrays of the pinned object heap. A plain read of a
    // count, which is allowed under a lock.
    public virtual int FullCollections => GC.CollectionCount(GC.MaxGeneration);

    // Blocking and compacting, since no other collection gives what it frees back to the system at once.
    public virtual void Collect() =>
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}
