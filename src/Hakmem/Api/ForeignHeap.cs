using System;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Api;

// An allocator of a program's own class, as a heap: what a NativeBuffer rented from one holds. A buffer has room for
// one reference, and its calls are inlined because that is of a sealed class; so other allocators get an object of that
// class in front, and the buffers of HakmemAllocators cost what they did. Rejected: a test of the class in every
// Dispose.
//
// Everything else that a HakmemAllocator can do passes through or is empty: no code outside the library gets at this
// object. As thread-safe as the allocator.
internal sealed unsafe class ForeignHeap(IHakmemAllocator allocator) : HeapCore
{
    private const int TurnsBetweenTries = 32;

    // The object in front of each allocator that rented a buffer, for as long as the allocator lives. Null before the
    // first; interlocked, and never changed again.
    private static ConditionalWeakTable<IHakmemAllocator, HakmemAllocator>? s_fronts;

    public override long CommittedBytes => allocator.GetStatistics().CommittedBytes;

    public override long LimitBytes => 0;

    // Returns the allocator itself if it is a HakmemAllocator. The table has a lock of the framework's.
    public static HakmemAllocator FrontOf(IHakmemAllocator allocator)
    {
        Argument.RequireNotNull(allocator);
        if (allocator is HakmemAllocator own)
        {
            return own;
        }

        CallState<IHakmemAllocator, HakmemAllocator?> found = new(allocator, null);
        Exception? failure = FrameworkCall.Try(ref found, &Find);
        if (failure is not (null or ThreadInterruptedException))
        {
            ExceptionDispatchInfo.Capture(failure).Throw();
        }

        // Where interrupts ended every try, a front of its own serves as well.
        return found.Value ?? MakeFront(allocator);
    }

    // Has what was rented from a disposed allocator throw, if anything was. Between two steps of a disposal, which an
    // exception would leave undone: where the table has a lock, an interrupt must not end the look.
    public static void MarkGone(IHakmemAllocator allocator)
    {
        CallState<IHakmemAllocator, HakmemAllocator?> found = new(allocator, null);
        while (FrameworkCall.Try(ref found, &Look) is ThreadInterruptedException)
        {
            // Each interrupt ends one try.
            Thread.SpinWait(TurnsBetweenTries);
        }

        found.Value?.MarkGone();
    }

    private static void Find(ref CallState<IHakmemAllocator, HakmemAllocator?> found)
    {
        if (Volatile.Read(ref s_fronts) is null)
        {
            Interlocked.CompareExchange(ref s_fronts, new(), null);
        }

        found.Value = s_fronts!.GetValue(found.Target, MakeFront);
    }

    private static void Look(ref CallState<IHakmemAllocator, HakmemAllocator?> found) =>
        Volatile.Read(ref s_fronts)?.TryGetValue(found.Target, out found.Value);

    private static HakmemAllocator MakeFront(IHakmemAllocator foreign) => new(new ForeignHeap(foreign));

    public override ThreadCache* TryCreateThreadCache() => null;

    public override void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        void* block;
        if (alignment > Geometry.MinAlignment)
        {
            if (allocator.TryAlignedAlloc(byteCount, alignment, out block) && isZeroed)
            {
                NativeMemory.Clear(block, byteCount);
            }

            return block;
        }

        _ = isZeroed ? allocator.TryAllocZeroed(byteCount, out block) : allocator.TryAlloc(byteCount, out block);
        return block;
    }

    // The heap behind an allocator of the library's own; null for a program's own class.
    public HakmemAllocator? Heap => (allocator as IUncountedAllocator)?.Heap;

    // Whether it is known that the allocator's memory is released; never for a program's own class.
    public bool IsKnownDisposed => allocator is IUncountedAllocator { IsDisposed: true };

    // Whether an ObjectDisposedException of the allocator is final. That of a program's own class is.
    public bool IsDisposed => allocator is not IUncountedAllocator own || own.IsDisposed;

    // See IUncountedAllocator. What a program's own class counts is its business.
    public void* TryAllocUncounted(nuint byteCount) => allocator is IUncountedAllocator own
        ? own.TryAllocUncounted(byteCount)
        : TryAllocate(null, byteCount, alignment: 1, isZeroed: false);

    public void* TryReallocUncounted(void* address, nuint byteCount, nuint alignment) =>
        allocator is IUncountedAllocator own
            ? own.TryRealloc(address, byteCount, alignment, isCounted: false)
            : TryReallocate(null, address, byteCount, alignment);

    public void CountRefused(nuint byteCount) => (allocator as IUncountedAllocator)?.CountRefused(byteCount);

    public override void* TryReallocate(ThreadCache* cache, void* address, nuint byteCount, nuint alignment)
    {
        if (allocator is IUncountedAllocator own)
        {
            return own.TryRealloc(address, byteCount, alignment, isCounted: true);
        }

        if (alignment <= Geometry.MinAlignment)
        {
            return allocator.TryRealloc(ref address, byteCount) ? address : null;
        }

        try
        {
            return allocator.Realloc(address, byteCount, alignment);
        }
        catch (OutOfMemoryException)
        {
            // The interface has no member that returns null instead.
            return null;
        }
    }

    public override bool TryExpand(ThreadCache* cache, void* address, nuint byteCount) =>
        allocator.TryExpand(address, byteCount);

    public override void Free(ThreadCache* cache, void* address) => allocator.Free(address);

    public override void RequireSize(ThreadCache* cache, void* address, nuint byteCount) =>
        Misuse.RequireSize(address, "Free", byteCount, allocator.UsableSize(address));

    public override nuint GoodSize(nuint byteCount) => allocator.GoodSize(byteCount);

    public override nuint UsableSize(ThreadCache* cache, void* address, string operation = "UsableSize") =>
        allocator.UsableSize(address);

    public override bool Owns(void* address) => allocator.Owns(address);

    // The program's class may enter a lock.
    public override bool CanRead(void* start, nuint byteCount) => false;

    public override void Trim(ThreadCache* cache) => allocator.Trim();

    public override HakmemStatistics GetStatistics() => allocator.GetStatistics();

    public override bool IsUnused() => false;

    public override HakmemVerification Verify() => new();

    public override HakmemHeapMap GetHeapMap() => new();

    public override OutOfMemoryException OutOfMemory(nuint byteCount) =>
        (allocator as IUncountedAllocator)?.OutOfMemory(byteCount) ??
        new OutOfMemoryException($"The {allocator.GetType().Name} could not allocate {byteCount} bytes.");

    // The allocator belongs to the program.
    public override void Dispose()
    {
    }
}
