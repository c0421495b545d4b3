using System;
using System.Threading;
using Hakmem.Pages;

namespace Hakmem.Api;

// Gives the process's arena back where this library was loaded into an AssemblyLoadContext that is unloaded: its
// address range would else be lost with each context that comes and goes.
//
// An object that nothing but a static field refers to. Its finalizer runs when nothing can reach the context any more,
// which the runtime says of it only when no thread has a method of the context's on its stack: so no code of this
// library's or of its callers' in the context runs, now or later, but for finalizers. These may still allocate and
// free, and run in any order, one thread's all:
//
//   first finalization  -->  a pool thread waits until all finalizers have run  -->  second finalization: released, or left for good
//
// What is live in the second was handed to somebody outside of the context, or lost: the whole range stays mapped,
// since a pointer into it may be in use. So it does where an isolated heap was not disposed, where somebody else's
// mapping lies in the range, and where faults at guarded blocks are reported, whose handler reads the tables. A
// finalizer that registers itself again each time may run later than that, on this thread: it then finds a shared heap
// that says so.
//
// In a context that is not unloaded the finalizer does not run; nor is it to give anything back at the end of a
// process, where runtimes differ in whether they run finalizers.
internal sealed class ArenaKeeper(Arena arena)
{
    // Whether all finalizers of the context have run. Written by the pool thread before it registers this object again,
    // read by the finalizer: the collection is in between.
    private bool _haveOthersRun;

    // The shared heap, once it is made. Written by its initializer, before any heap can be used; read by the finalizer.
    private HakmemAllocator? _shared;

    ~ArenaKeeper()
    {
        if (Environment.HasShutdownStarted)
        {
            return;
        }

        if (!_haveOthersRun)
        {
            WaitForOthers();
        }
        else if (IsNothingLive() && arena.TryRelease())
        {
            _shared?.Retire();
        }
    }

    public void SetShared(HakmemAllocator shared) => _shared = shared;

    private void WaitForOthers()
    {
        try
        {
            ThreadPool.UnsafeQueueUserWorkItem(static keeper => ((ArenaKeeper)keeper!).Wait(), this);
        }
        catch (OutOfMemoryException)
        {
            // An exception here would end the process: at the next collection, then.
            GC.ReRegisterForFinalize(this);
        }
    }

    private void Wait()
    {
        GC.WaitForPendingFinalizers();
        _haveOthersRun = true;
        GC.ReRegisterForFinalize(this);
    }

    // Exact, since no other thread is in a heap. What the threads' caches and the depots hold is free.
    private bool IsNothingLive()
    {
        try
        {
            HakmemStatistics? statistics = _shared?.GetStatistics();
            return arena.TakenBytes == (statistics?.CommittedBytes ?? 0) && (statistics?.LiveBlocks ?? 0) == 0;
        }
        catch (OutOfMemoryException)
        {
            // The garbage-collected memory is out, and a finalizer's exception would end the process: the range stays.
            return false;
        }
    }
}
