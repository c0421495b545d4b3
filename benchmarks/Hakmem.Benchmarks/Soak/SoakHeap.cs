using System;
using System.Threading;
using Hakmem.Heaps;

namespace Hakmem.Benchmarks.Soak;

/// <summary>A heap with books of its own on what is live in it: every block's usable bytes, counted from outside.</summary>
/// <remarks>Thread-safe. The books agree with the heap's whenever no call is under way.</remarks>
internal sealed unsafe class SoakHeap(string name, HakmemAllocator heap)
{
    private long _stamp;
    private long _liveBlocks;
    private long _liveBytes;
    private long _failures;

    /// <summary>The heap.</summary>
    public HakmemAllocator Heap => heap;

    /// <summary>Blocks that should be live.</summary>
    public long LiveBlocks => Volatile.Read(ref _liveBlocks);

    /// <summary>Their usable bytes.</summary>
    public long LiveBytes => Volatile.Read(ref _liveBytes);

    /// <summary>Requests that ended in an <see cref="OutOfMemoryException"/> or in <see langword="false"/>.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Allocates and fills a block; false if memory is out.</summary>
    public bool TryAlloc(nuint bytes, bool zeroed, out SoakBlock block)
    {
        bytes = nuint.Max(bytes, sizeof(ulong));
        void* pointer;
        try
        {
            pointer = zeroed ? heap.AllocZeroed(bytes) : heap.TryAlloc(bytes, out void* any) ? any : null;
        }
        catch (OutOfMemoryException)
        {
            pointer = null;
        }

        if (pointer is null)
        {
            Interlocked.Increment(ref _failures);
            block = default;
            return false;
        }

        if (zeroed)
        {
            RequireZero(pointer, bytes);
        }

        block = Adopt(pointer, bytes);
        return true;
    }

    /// <summary>Enters a block that came by another way, and fills it.</summary>
    public SoakBlock Adopt(void* pointer, nuint bytes)
    {
        Count(1, pointer);
        return SoakBlock.Fill(pointer, bytes, (ulong)Interlocked.Increment(ref _stamp));
    }

    /// <summary>Verifies a block that is about to be freed by another way, and takes it out of the books.</summary>
    public void Forget(SoakBlock block)
    {
        block.Verify();
        Count(-1, block.Pointer);
    }

    /// <summary>Verifies and frees a block.</summary>
    public void Free(SoakBlock block)
    {
        Forget(block);
        heap.Free(block.Pointer);
    }

    /// <summary>Verifies and resizes a block. If memory is out, the old one is still there.</summary>
    public SoakBlock Resize(SoakBlock block, nuint bytes)
    {
        bytes = nuint.Max(bytes, sizeof(ulong));
        Forget(block);
        try
        {
            void* moved = heap.Realloc(block.Pointer, bytes);
            block.VerifyAt(moved, nuint.Min(bytes, block.Bytes));
            return Adopt(moved, bytes);
        }
        catch (OutOfMemoryException)
        {
            Interlocked.Increment(ref _failures);
            block.Verify();
            Count(1, block.Pointer);
            return block;
        }
    }

    /// <summary>Compares the books with the heap's statistics. No call on the heap may be under way.</summary>
    /// <exception cref="SoakFailedException">They differ.</exception>
    public void Check()
    {
        HakmemStatistics statistics = heap.GetStatistics();
        if (statistics.LiveBlocks != LiveBlocks || statistics.LiveBytes != LiveBytes)
        {
            throw new SoakFailedException(
                $"{name}: {LiveBlocks} blocks of {LiveBytes} bytes are live, but the heap says {statistics.LiveBlocks} of {statistics.LiveBytes}.");
        }

        // Not what is committed: where commit is charged, blocks in the quarantine are decommitted.
        long usedBytes = statistics.IsFallback
            ? statistics.CommittedBytes
            : statistics.SuperSlabsInUse * (long)HakmemHeapMap.SuperSlabBytes;
        if (statistics.LiveBytes + statistics.CachedBytes > usedBytes)
        {
            throw new SoakFailedException($"{name}: more bytes are live and cached than are in use.\n{statistics}");
        }
    }

    private static void RequireZero(void* pointer, nuint bytes)
    {
        int offset = new ReadOnlySpan<byte>(pointer, (int)bytes).IndexOfAnyExcept((byte)0);
        if (offset >= 0)
        {
            throw new SoakFailedException($"A zeroed block of {bytes} bytes at 0x{(nint)pointer:x} is not zero at offset {offset}.");
        }
    }

    private void Count(int blocks, void* pointer)
    {
        Interlocked.Add(ref _liveBlocks, blocks);
        Interlocked.Add(ref _liveBytes, blocks * (long)heap.UsableSize(pointer));
    }
}
