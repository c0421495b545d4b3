using System;
using Hakmem.Os;
using Hakmem.Pooling;

namespace Hakmem;

// Trims a depot that belongs to no pool, and so to no timer: after each collection of the oldest generation it leaves
// to the collector what no thread needed since the one before.
//
// Nothing refers to this object. Its finalizer, on the runtime's thread for finalizers, registers it again. In a
// context that can be unloaded it is not made, since it would keep the context.
internal sealed class DepotTrimmer
{
    private readonly OwnerDepot _depot;
    private int _collections = GC.CollectionCount(GC.MaxGeneration);

    private DepotTrimmer(OwnerDepot depot) => _depot = depot;

    unsafe ~DepotTrimmer()
    {
        FinalizerStep.Run(this, &Run);

        static bool Run(object trimmer)
        {
            ((DepotTrimmer)trimmer).Look();
            return false;
        }
    }

    // Returns the depot, for an initializer.
    public static OwnerDepot Attach(OwnerDepot depot)
    {
        if (AssemblyLoadContext.GetLoadContext(typeof(DepotTrimmer).Assembly) is not { IsCollectible: true })
        {
            _ = new DepotTrimmer(depot);
        }

        return depot;
    }

    private void Look()
    {
        ManagedMemory.Need("DepotTrimmer");
        int collections = GC.CollectionCount(GC.MaxGeneration);
        if (collections != _collections)
        {
            _collections = collections;
            _depot.Trim(onlyUnneeded: true);
        }
    }
}
