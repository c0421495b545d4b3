using System;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading;
using Hakmem.Api;
using Hakmem.Heaps;
using Hakmem.Pages;
using Hakmem.Reclaim;
using Hakmem.Small;

namespace Hakmem;

// How heaps come to be and end, and what becomes of the shared one where it cannot be made.
public sealed unsafe partial class HakmemAllocator
{
    // The shared heap where it could not be made.
    private HakmemAllocator(ExceptionDispatchInfo failure)
    {
        _heap = null!;
        _failure = failure;
        _slot = HeapSlots.Shared;
    }

    private HakmemAllocator(HeapLimits limits, Arena arena, int slot, DecayTimer? timer)
    {
        try
        {
            _heap = new Heap(arena, slot, limits, timer);
            _slot = slot;
        }
        catch
        {
            ReturnSlot(slot);
            throw;
        }
    }

    // The shared heap's arena has been given back. On the one thread that may still come by: its cache went with the
    // arena.
    internal void Retire()
    {
        _failure = ExceptionDispatchInfo.Capture(
            new ObjectDisposedException(nameof(HakmemAllocator), "The AssemblyLoadContext of this heap has been unloaded, and its memory given back."));
        CurrentThread.SetShared(null);
    }

    /// <summary>
    /// Whether <see cref="Dispose"/> does as <see cref="TryDispose"/>: leaves the heap as it is while callers hold blocks of it. For an owner
    /// that disposes whatever it made and cannot know whether all users are done, such as a container. False by default.
    /// </summary>
    public bool DisposesOnlyUnused { get; init; }

    /// <summary>
    /// Gives back all memory of an isolated heap, live blocks included: pointers into it must not be used any more. No other thread may
    /// be in the heap. A second call does nothing.
    /// </summary>
    /// <exception cref="InvalidOperationException">This is <see cref="Shared"/>.</exception>
    public void Dispose()
    {
        if (DisposesOnlyUnused)
        {
            TryDispose();
            return;
        }

        int slot = CloseSlot();
        if (slot != DisposedSlot)
        {
            _isGone = true;
            _heap.Dispose();
            ReturnSlot(slot);
        }
    }

    /// <summary>
    /// Disposes an isolated heap of which no caller holds a block. Otherwise the heap stays as it is: blocks stay valid, and every call goes
    /// on working.
    /// </summary>
    /// <remarks>
    /// Any thread may hold blocks meanwhile, and a call that begins beside this one succeeds or throws an <see cref="ObjectDisposedException"/>.
    /// A thread that holds no block must not be within a call. Blocks are counted: this costs what
    /// <see cref="GetStatistics"/> does, and more where none seems to be held: then other threads' slow paths wait meanwhile.
    /// </remarks>
    /// <returns>Whether the heap is disposed, by this call or before it.</returns>
    /// <exception cref="InvalidOperationException">This is <see cref="Shared"/>.</exception>
    public bool TryDispose()
    {
        if (_slot != DisposedSlot && _slot != HeapSlots.Shared && _heap.GetStatistics().LiveBlocks != 0)
        {
            return false;
        }

        int slot = CloseSlot();
        if (slot == DisposedSlot)
        {
            // By a call that is over, or by one on another thread that may find that the heap is in use.
            return Volatile.Read(ref _isGone);
        }

        // Again, now that calls are refused: the count above may be wrong beside calls that move blocks, and one may
        // have been taken since. The barrier has every thread see the refusal, and this one see what they did before.
        try
        {
            if (ProcessBarrier.IsSupported)
            {
                ProcessBarrier.Run();
            }

            Volatile.Write(ref _isGone, _heap.IsUnused());
        }
        finally
        {
            if (!_isGone)
            {
                Volatile.Write(ref _slot, slot);
            }
        }

        if (!_isGone)
        {
            return false;
        }

        _heap.Dispose();
        ReturnSlot(slot);
        return true;
    }

    // From here on every call is refused. The slot, or DisposedSlot if that was so already.
    private int CloseSlot()
    {
        int slot = Interlocked.Exchange(ref _slot, _slot == HeapSlots.Shared ? HeapSlots.Shared : DisposedSlot);
        return slot != HeapSlots.Shared ? slot
            : throw new InvalidOperationException("The shared heap lives as long as the process: it cannot be disposed.");
    }

    // Apart, so that the options are not so much as loaded where nothing is set.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static HeapLimits LimitsOfSettings() => new HakmemOptions().ToLimits();

    private static HeapLimits SharedLimits() => HakmemSettings.AreAny() ? LimitsOfSettings() : new HeapLimits();

    // An exception in the initializer of a class comes out as a TypeInitializationException, whose message does not say
    // the cause: it is kept, for whoever uses the heap.
    private static HakmemAllocator CreateShared()
    {
        try
        {
            HakmemAllocator shared = new(SharedLimits(), ProcessArena.Instance, HeapSlots.Shared, DecayTimer.Process);
            ProcessArena.SetShared(shared);
            return shared;
        }
        catch (Exception failure)
        {
            return new HakmemAllocator(ExceptionDispatchInfo.Capture(failure));
        }
    }

    private static int TakeSlot(Arena arena)
    {
        // Every heap needs a thread's cache of the shared one, which is the way to its others.
        s_shared._failure?.Throw();
        int slot = HeapSlots.Process.TryTake(arena.MaxHeapSlots);
        return slot > 0 ? slot : throw new InvalidOperationException($"There are {arena.MaxHeapSlots - 1} isolated heaps already.");
    }

    private static void ReturnSlot(int slot)
    {
        if (slot != HeapSlots.Shared)
        {
            HeapSlots.Process.Return(slot);
        }
    }
}
