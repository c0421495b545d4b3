using System;
using System.Threading;
using Hakmem.Events;
using Hakmem.Os;

namespace Hakmem.Api;

// Makes the event source of a process whose heaps are too small for a decay pass, which makes it otherwise: after the
// first collection of the oldest generation, on a pool thread. A tool that gets no answer has the runtime collect once.
//
// Nothing refers to this object. Its finalizer registers it again until the process has had such a collection; if it
// had one before this library was used, the next collection of any generation is enough. That costs the first
// allocation of a process one small object; only the finalizer asks the collector, whose class takes time to load. In a
// context that can be unloaded nothing is made: it would keep the context a while longer.
internal sealed class EventSourceStarter
{
    private EventSourceStarter()
    {
    }

    unsafe ~EventSourceStarter() => FinalizerStep.Run(this, &IsDone);

    public static void Attach() => _ = new EventSourceStarter();

    private static bool IsDone(object starter)
    {
        if (AssemblyLoadContext.GetLoadContext(typeof(EventSourceStarter).Assembly) is { IsCollectible: true })
        {
            return true;
        }

        ManagedMemory.Need("EventSourceStarter");
        return GC.CollectionCount(GC.MaxGeneration) > 0 &&
            ThreadPool.UnsafeQueueUserWorkItem(Prepare, null);
    }

    // On a thread of the pool, where an exception would end the process too. Whoever needs the source next makes it.
    // Not a lambda, whose class would have an initializer.
    private static void Prepare(object? nothing)
    {
        try
        {
            HakmemEventSource.Prepare();
        }
        catch (Exception failure) when (failure is OutOfMemoryException or TypeInitializationException)
        {
        }
    }
}
