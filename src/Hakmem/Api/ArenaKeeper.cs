using System;
using System.Threading;
using Hakmem.Pages;

namespace Hakmem.Api;

// Releases the process's arena if this library was loaded into an AssemblyLoadContext that is unloaded. Otherwise each
// context that comes and goes would leak its address range.
//
// Only a static field refers to this object. Its finalizer runs when nothing can reach the context any more, and the
// runtime decides that only when no thread has a method of the context on its stack: from then on no code of this
// library or of its callers in the context runs, except finalizers. Those may still allocate and free; they run in any
// order, all on one thread:
//
//   first finalization --> a pool thread waits for all finalizers --> second finalization: releases the arena, or never
//
// A block that is live at the second finalization was passed out of the context or leaked. The whole range then stays
// mapped, since a pointer into it may be in use. It also stays mapped if an isolated heap was not disposed, if a
// foreign mapping lies in the range, or if faults at guarded blocks are reported, because the fault handler reads the
// tables. A finalizer that registers itself again each time may run after the release, on the same thread: it finds a
// shared heap that throws ObjectDisposedException.
//
// In a context that is not unloaded the finalizer does not run. At the end of a process, where runtimes differ in
// whether they run finalizers, it does nothing.
internal sealed class ArenaKeeper(Arena arena)
{
    // Whether all finalizers of the context have run. Written by the pool thread before it registers this object again;
    // read by the finalizer, which a later collection starts.
    private bool _haveOthersRun;

    // The shared heap, or null until it is created. Written by the initializer of HakmemAllocator, before any heap can
    // be used; read by the finalizer.
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
            ThreadPool.UnsafeQueueUserWorkItem(Wait, this);
        }
        catch (OutOfMemoryException)
        {
            // An exception of a finalizer would end the process. Try again at the next collection.
            GC.ReRegisterForFinalize(this);
        }

        // Not a lambda, whose class would have an initializer.
        static void Wait(object? keeper) => ((ArenaKeeper)keeper!).Wait();
    }

    private void Wait()
    {
        GC.WaitForPendingFinalizers();
        _haveOthersRun = true;
        GC.ReRegisterForFinalize(this);
    }

    // Exact, since no other thread is in a heap. Blocks in thread caches and depots are free.
    private bool IsNothingLive()
    {
        try
        {
            HakmemStatistics? statistics = _shared?.GetStatistics();

            // The statistics leave out what is decommitted within SuperSlabs that the heap has.
            return arena.TakenBytes == (_shared?.TakenBytes ?? 0) && (statistics?.LiveBlocks ?? 0) == 0;
        }
        catch (OutOfMemoryException)
        {
            // There is no managed memory left, and an exception of a finalizer would end the process. The range stays.
            return false;
        }
    }
}
