using System;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Hakmem.Allocators;
using Hakmem.Arenas;
using Hakmem.Decay;
using Hakmem.Spans;

namespace Hakmem;

// How heaps come to be, and what becomes of the shared one where it cannot be made.
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

    // Apart, so that the options are not so much as loaded where nothing is set.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static HeapLimits LimitsOfSettings() => new HakmemOptions().ToLimits();

    private static HeapLimits SharedLimits() => HakmemSettings.AreAny() ? LimitsOfSettings() : new HeapLimits();

    // An exception in the initializer of a class comes out as a TypeInitializationException, whose message does not say the cause: it is kept, for
    // whoever uses the heap.
    private static HakmemAllocator CreateShared()
    {
        try
        {
            HakmemAllocator shared = new(SharedLimits(), ProcessArena.Instance, HeapSlots.Shared, DecayTimer.Process);
            ProcessArena.Know(shared);
            return shared;
        }
        catch (Exception failure)
        {
            return new HakmemAllocator(ExceptionDispatchInfo.Capture(failure));
        }
    }

    private static int TakeSlot()
    {
        // Every heap needs a thread's cache of the shared one, which is the way to its others.
        s_shared._failure?.Throw();
        int slot = HeapSlots.TryTake();
        return slot > 0 ? slot : throw new InvalidOperationException($"There are {HeapSlots.Max - 1} isolated heaps already.");
    }

    private static void ReturnSlot(int slot)
    {
        if (slot != HeapSlots.Shared)
        {
            HeapSlots.Return(slot);
        }
    }
}
