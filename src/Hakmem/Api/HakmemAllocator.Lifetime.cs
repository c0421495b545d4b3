using System;
using System.Diagnostics;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading;
using Hakmem.Api;
using Hakmem.Fallback;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Reclaim;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem;

// Creation and disposal of heaps, and the shared heap that could not be created.
public sealed unsafe partial class HakmemAllocator
{
    // Some microseconds at most. What is waited for takes longer.
    private const int TurnsBetweenTries = 32;

    // Allocators over this heap, such as those of regions, or null. An array does not change once it is here. Compare
    // and exchange.
    private WeakReference<IHakmemAllocator>[]? _views;

    // The managed id of the thread whose TryDispose decides, or did last: a handler that it runs must not wait for it.
    // Of one TryDispose at a time.
    private int _decidingThread;

    // A shared heap that could not be created.
    private HakmemAllocator(ExceptionDispatchInfo failure)
    {
        _core = null!;
        _heap = null!;
        _budget = null!;
        _failure = failure;
        _slot = HeapSlots.Shared;
    }

    // The front of an allocator of another class: threads have no caches of it, as of a fallback.
    internal HakmemAllocator(ForeignHeap heap)
    {
        _core = heap;
        _heap = null!;
        _budget = null!;
        _slot = FallbackSlot;
    }

    // A heap over the process's arena, or a fallback if there is none.
    private HakmemAllocator(HeapLimits limits, Arena? arena)
        : this(limits, arena, TakeSlot(arena), arena is null ? null : DecayTimer.Process)
    {
    }

    // budget: null for limits of its own.
    private HakmemAllocator(
        HeapLimits limits, Arena? arena, int slot, DecayTimer? timer, HeapBudget? budget = null)
    {
        try
        {
            _budget = budget ?? new HeapBudget(limits) { Notify = NotifySoftLimit };
            _heap = null!;
            if (arena is null)
            {
                _core = FallbackOf(_budget);
            }
            else
            {
                _core = _heap = new Heap(arena, slot, limits, timer, _budget);
            }

            _slot = slot;
            if (budget is null && _core is Heap heap)
            {
                // Last: from then on requests from outside find this object.
                heap.Front = this;
            }
        }
        catch
        {
            ReturnSlot(slot);
            throw;
        }
    }

    // For tests: an isolated fallback, whatever the process has.
    internal static HakmemAllocator CreateFallback(HakmemOptions? options = null) =>
        new(LimitsOf(options), arena: null);

    // Marks an object in front of another allocator, which was disposed, and what is rented from allocators over it: a
    // region's chunks may be blocks of a tagged allocator.
    internal void MarkGone()
    {
        _isGone = true;
        MarkViewsGone();
    }

    // Marks the shared heap as unusable after its arena was released. Runs on the finalizer thread, the only one that
    // may still use the heap; its cache was in the arena's memory.
    internal void Retire()
    {
        _failure = ExceptionDispatchInfo.Capture(new ObjectDisposedException(
            nameof(HakmemAllocator),
            "The AssemblyLoadContext of this heap has been unloaded, and the heap's memory has been released."));
        _isGone = true;
        CurrentThread.SetShared(null);
    }

    /// <summary>
    /// Whether <see cref="Dispose"/> behaves as <see cref="TryDispose"/> and leaves the heap as it is while callers
    /// hold blocks of it. Set it for an owner that disposes everything that it created and cannot know whether all
    /// users are done, such as a container. False by default.
    /// </summary>
    public bool DisposesOnlyUnused { get; init; }

    /// <summary>Releases all memory of an isolated heap, live blocks included: the caller must not use pointers into it
    /// any more. No other thread may be in a call of the heap, but for what waits for its room
    /// (<see cref="NativeMemoryPool{T}.RentAsync"/>, <see cref="NativeBufferWriter{T}.GetMemoryAsync"/>). A second call
    /// does nothing.</summary>
    /// <exception cref="InvalidOperationException">This is <see cref="Shared"/>.</exception>
    public void Dispose()
    {
        if (DisposesOnlyUnused)
        {
            TryDispose();
            return;
        }

        if (_slot is not DisposedSlot and not HeapSlots.Shared)
        {
            // First, as in TryDispose: a try whose caller no longer waits frees its block.
            EndTries();
        }

        int slot = CloseSlot();
        if (slot != DisposedSlot)
        {
            // Whatever one of the steps throws, the others follow.
            try
            {
                MarkGone();
            }
            finally
            {
                try
                {
                    DisposeTagged();
                }
                finally
                {
                    _core.Dispose();
                    ReturnSlot(slot);
                }
            }
        }
    }

    /// <summary>Disposes an isolated heap if no caller holds a block of it. Otherwise the heap stays as it is: its
    /// blocks stay valid, and every call continues to work.</summary>
    /// <remarks>
    /// Other threads may hold blocks during the call. A call of theirs that begins meanwhile either succeeds or throws
    /// an <see cref="ObjectDisposedException"/>; a free succeeds. A thread that holds no block must not be in a call of
    /// the heap. This method counts the blocks, which takes as long as <see cref="GetStatistics"/>; if it finds none,
    /// it counts again while the slow paths of other threads wait.
    /// </remarks>
    /// <returns>True if the heap is disposed, by this call or an earlier one; otherwise false. Also false while
    /// another thread's call has not decided.</returns>
    /// <exception cref="InvalidOperationException">This is <see cref="Shared"/>.</exception>
    public bool TryDispose()
    {
        // One at a time: this counts what another would release.
        if (Interlocked.Exchange(ref _isTryingDispose, 1) != 0)
        {
            return Volatile.Read(ref _isGone);
        }

        try
        {
            return TryDisposeAlone();
        }
        finally
        {
            Volatile.Write(ref _isTryingDispose, 0);
        }
    }

    // For tests: called by TryDispose after its first count, with false, and when the heap refuses calls, with true.
    internal Action<bool>? OnTrying { get; set; }

    private bool TryDisposeAlone()
    {
        if (_slot != DisposedSlot && _slot != HeapSlots.Shared)
        {
            if (CountLiveBlocks() != 0)
            {
                return false;
            }

            OnTrying?.Invoke(false);

            // First, so that none of them meets a refusal that does not last.
            EndTries();
        }

        Volatile.Write(ref _decidingThread, Environment.CurrentManagedThreadId);
        int slot = CloseSlot();
        if (slot == DisposedSlot)
        {
            // Closed by a call that has ended, or by another thread that may find that the heap is in use.
            return Volatile.Read(ref _isGone);
        }

        // Counts again now that the heap refuses calls: the first count may be wrong if calls moved blocks meanwhile,
        // and a block may have been allocated since. After the barrier every thread sees the refusal, and this thread
        // sees what the others did before it.
        try
        {
            OnTrying?.Invoke(true);
            if (ProcessBarrier.IsSupported)
            {
                ProcessBarrier.Run();
            }

            Volatile.Write(ref _isGone, _core.IsUnused() && TryDisposeTagged());
        }
        finally
        {
            if (!_isGone)
            {
                Volatile.Write(ref _slot, slot);
                AllowTries();
            }
        }

        if (!_isGone)
        {
            return false;
        }

        // What a thread had written before it was refused is in memory now, before the memory is anybody else's.
        if (ProcessBarrier.IsSupported)
        {
            ProcessBarrier.Run();
        }

        try
        {
            MarkViewsGone();
        }
        finally
        {
            try
            {
                _tagged?.RemoveLedgers();
            }
            finally
            {
                _core.Dispose();
                ReturnSlot(slot);
            }
        }

        return true;
    }

    // For a caller that has met an ObjectDisposedException: whether the memory is released, and not only refused while
    // a TryDispose counts. What was rented through an object in front of another allocator throws from then on.
    internal bool IsDisposedForGood() => IsGoneWith(_core is ForeignHeap { IsDisposed: true });

    // The same for a caller that has met none: a program's own class may be disposed without a sign of it.
    internal bool IsKnownGone() => IsGoneWith(_core is ForeignHeap { IsKnownDisposed: true });

    // What this heap and its tagged blocks have of the arena.
    internal long TakenBytes => _budget.CommittedBytes;

    // For a free, whose caller may have given up the pointer: the cache as of GetCache. A TryDispose that has the heap
    // refuse calls meanwhile will find the block live, and is waited for.
    private ThreadCache* GetCacheToFree()
    {
        while (true)
        {
            while (Volatile.Read(ref _slot) == DisposedSlot && IsUndecided)
            {
                Thread.SpinWait(TurnsBetweenTries);
            }

            try
            {
                return GetCache();
            }
            catch (ObjectDisposedException) when (IsUndecided)
            {
                // The next TryDispose has begun.
            }
        }
    }

    // Whether the calling thread is the one whose TryDispose decides.
    internal bool IsDecidedHere => Volatile.Read(ref _decidingThread) == Environment.CurrentManagedThreadId;

    // Makes a cache for the calling thread and gives it to it. Null if there is no memory for it. Does not throw for
    // that, as a free must not.
    private ThreadCache* TryMakeCache(int slot)
    {
        if (!Callouts.TryPrepareThread())
        {
            return null;
        }

        // A listener of an event allocates with this cache, so it has to be the thread's by then.
        using DeferredCallouts deferred = DeferredCallouts.Begin();
        ThreadCache* cache = _core.TryCreateThreadCache();
        if (slot == HeapSlots.Shared)
        {
            CurrentThread.SetShared(cache);
        }
        else if (cache != null)
        {
            CurrentThread.SetPeer(slot, cache);
        }

        return cache;
    }

    // Whether a refusal may be that of another thread's TryDispose, and not final. The shared heap's is, of which no
    // other heap can do without.
    private bool IsUndecided => !Volatile.Read(ref _isGone) && s_shared._failure is null && !IsDecidedHere;

    // Whether this is in front of an allocator of a class of the program's.
    internal bool IsProgramsOwn => _core is ForeignHeap { Heap: null };

    private bool IsGoneWith(bool isForeignGone)
    {
        if (isForeignGone && !_isGone)
        {
            MarkGone();
        }

        return _isGone;
    }

    // Has what is rented from an allocator over this heap throw once the heap is disposed. The program's reference
    // keeps that allocator alive.
    internal void AddView(IHakmemAllocator view)
    {
        WeakReference<IHakmemAllocator>[]? before;
        WeakReference<IHakmemAllocator>[] after;
        do
        {
            before = Volatile.Read(ref _views);
            after = [.. (before ?? []).Where(IsThere), new(view)];
        }
        while (Interlocked.CompareExchange(ref _views, after, before) != before);

        if (Volatile.Read(ref _isGone))
        {
            // The disposal may have read the list before.
            ForeignHeap.MarkGone(view);
        }

        static bool IsThere(WeakReference<IHakmemAllocator> each) => each.TryGetTarget(out _);
    }

    // Never throws, as part of a disposal: without managed memory for a list without the view, which is not used any
    // more, the list keeps a weak reference to it.
    internal void RemoveView(IHakmemAllocator view)
    {
        try
        {
            RemoveFromViews(view);
        }
        catch (OutOfMemoryException)
        {
            // The next AddView drops it once it is collected.
        }
    }

    private void RemoveFromViews(IHakmemAllocator view)
    {
        WeakReference<IHakmemAllocator>[]? before;
        WeakReference<IHakmemAllocator>[]? after;
        do
        {
            before = Volatile.Read(ref _views);
            ManagedMemory.Need();
            after = before is null ? null
                : [.. before.Where(each => each.TryGetTarget(out IHakmemAllocator? other) && other != view)];
        }
        while (Interlocked.CompareExchange(ref _views, after, before) != before);
    }

    private void MarkViewsGone()
    {
        // After _isGone: of this and an AddView at the same time, one sees what the other has written.
        Interlocked.MemoryBarrier();
        WeakReference<IHakmemAllocator>[]? views = Volatile.Read(ref _views);
        if (views is null)
        {
            return;
        }

        // The runtime may load code for the first use.
        ManagedMemory.Need();
        foreach (WeakReference<IHakmemAllocator> each in views)
        {
            if (each.TryGetTarget(out IHakmemAllocator? view))
            {
                ForeignHeap.MarkGone(view);
            }
        }
    }

    // For a debugger's view, which takes no lock: the heap while it can be used, or null; why it cannot be used; and
    // whether memory is the heap's and can be read.
    internal HeapCore? LiveHeap => _isGone || _slot == DisposedSlot || _failure is not null ? null : _core;

    internal Exception? Failure => _failure?.SourceException;

    internal bool CanRead(void* start, nuint byteCount) => LiveHeap is { } heap &&
        (heap.CanRead(start, byteCount) || CanReadTagged(start, byteCount));

    private string DebuggerDisplay => HeapDebuggerView.TextOf(this);

    private long CountLiveBlocks() => AddTagged(_core.GetStatistics()).LiveBlocks;

    // Makes every later call of the heap fail. Returns the slot, or DisposedSlot if the heap was closed already.
    private int CloseSlot()
    {
        int slot = Interlocked.Exchange(ref _slot, _slot == HeapSlots.Shared ? HeapSlots.Shared : DisposedSlot);
        Debug.Assert(
            slot is DisposedSlot or HeapSlots.Shared || !_isGone,
            "The slot of a heap whose memory is released stays closed.");
        return slot != HeapSlots.Shared ? slot
            : throw new InvalidOperationException(
                "HakmemAllocator.Shared cannot be disposed, because it lives as long as the process. Call Trim to " +
                "release its unused memory, or create a HakmemAllocator of your own and dispose that.");
    }

    // A method of its own, so that the options class is not loaded if nothing is set.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static HeapLimits LimitsOfSettings() => new HakmemOptions().ToLimits();

    private static HeapLimits LimitsOf(HakmemOptions? options) => options is not null ? options.ToLimits()
        : HakmemSettings.AreAny() ? LimitsOfSettings()
        : new HeapLimits();

    // A method of its own, so that the class is not loaded where it is not used.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static FallbackHeap FallbackOf(HeapBudget budget) => new(budget, ProcessArena.Unsupported);

    // Does not throw: the runtime would wrap an exception of a static initializer in a TypeInitializationException,
    // whose message does not name the cause. Each use of the heap throws the exception instead.
    private static HakmemAllocator CreateShared()
    {
        try
        {
            Arena? arena = ProcessArena.Instance;
            DecayTimer? timer = arena is null ? null : DecayTimer.Process;
            HakmemAllocator shared = new(LimitsOf(null), arena, HeapSlots.Shared, timer);
            ProcessArena.SetShared(shared);
            return shared;
        }
        catch (Exception failure)
        {
            return new HakmemAllocator(ExceptionDispatchInfo.Capture(failure));
        }
    }

    private static int TakeSlot(Arena? arena)
    {
        // A thread finds its caches of all heaps through its cache of the shared heap.
        s_shared._failure?.Throw();
        if (arena is null)
        {
            return FallbackSlot;
        }

        int slot = HeapSlots.Process.TryTake(arena.MaxHeapSlots);
        return slot > 0 ? slot : throw new InvalidOperationException(
            $"The process already has {arena.MaxHeapSlots - 1} isolated heaps, which is the most. Dispose one first.");
    }

    private static void ReturnSlot(int slot)
    {
        if (slot is not HeapSlots.Shared and not FallbackSlot)
        {
            HeapSlots.Process.Return(slot);
        }
    }
}
