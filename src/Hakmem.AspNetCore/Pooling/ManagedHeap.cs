using System;

namespace Hakmem.AspNetCore.Pooling;

// What a store asks of the garbage collector and of the managed heap. Tests count the collections with one of their
// own. Thread-safe.
internal class ManagedHeap
{
    public static readonly ManagedHeap Process = new();

    // Garbage included.
    public virtual long Bytes => GC.GetTotalMemory(forceFullCollection: false);

    // Those of the oldest generation, which the pinned heap's arrays go with. A plain read of a count: it may be asked
    // under a lock.
    public virtual int FullCollections => GC.CollectionCount(GC.MaxGeneration);

    // Blocking, since only a blocking, compacting collection gives the memory of what it frees to the system at once.
    public virtual void Collect() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}
