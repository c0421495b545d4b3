using System;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Events;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Fallback;

// The heap of a process that has no arena: each block is memory of NativeMemory behind a header. It has no caches, and
// no records but the headers, so of all options only MaxBytes has an effect.
//
// A header's mark tells a block of this heap from other memory, as far as the memory in front of the address can be
// read: the wrong address of a page that nothing is mapped in front of ends the process, and so does that of a freed
// block whose page NativeMemory has given back.
//
// Thread-safe, except that no other call may run during Dispose. A block is in the list that its allocating thread
// chose; whoever frees it finds the list by the header. Two threads that free or resize the same block, which is a bug
// of the program, damage the heap.
internal sealed unsafe class FallbackHeap : HeapCore, ITeller
{
    private const int MaxLists = 8;

    // No block lies below: the first pages of a process are inaccessible.
    private const nuint LeastAddress = 4096;

    // The number of heaps made so far; interlocked.
    private static int s_heaps;

    private readonly int _number = Interlocked.Increment(ref s_heaps);
    private readonly HeapBudget _budget;
    private readonly FallbackList[] _lists = new FallbackList[Math.Min(Environment.ProcessorCount, MaxLists)];

    // The bytes taken from NativeMemory, headers included. Interlocked. A block's are added, here and to the budget,
    // before it is requested, and only if the sum is within the limit, which is therefore never exceeded.
    private long _committedBytes;

    // What is to be told about the fallback at the heap's first allocation; null once it is, or for a test's heap.
    // Written by any thread, for none of which it is too late.
    private string? _untold;

    // reason: why the process has no arena; null to tell nobody.
    public FallbackHeap(HeapBudget budget, string? reason)
    {
        _budget = budget;
        _untold = reason;
        for (int i = 0; i < _lists.Length; i++)
        {
            _lists[i] = new FallbackList();
        }
    }

    public override long CommittedBytes => Interlocked.Read(ref _committedBytes);

    public override ThreadCache* TryCreateThreadCache() => null;

    public override void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        if (_untold is { } reason)
        {
            _untold = null;
            HakmemEventSource.Announce(reason);
        }

        void* block = TryAllocate(byteCount, ShiftOf(alignment), isZeroed);
        NotifyUsed();
        return block;
    }

    // In place if NativeMemory can do that. The memory is then as aligned as before, but not necessarily the block.
    public override void* TryReallocate(ThreadCache* cache, void* address, nuint byteCount, nuint alignment)
    {
        FallbackHeader* header = Resolve(address, "Realloc");
        int shift = ShiftOf(alignment);
        if (!FallbackHeader.TryGetTotal(byteCount, shift, out nuint total))
        {
            return null;
        }

        // A block that was more aligned may lie behind the place of a smaller one, where a resize would cut it off.
        nuint offset = (nuint)((byte*)address - header->Start);
        if (offset > total - byteCount)
        {
            void* copy = TryCopy(header, byteCount, shift);
            NotifyUsed();
            return copy;
        }

        nuint oldTotal = FallbackHeader.TotalOf(header);
        long reached = 0;
        if (total > oldTotal && !TryReserve(total - oldTotal, out reached))
        {
            return null;
        }

        FallbackHeader* resized = TryResize(header, total, shift, byteCount, offset);
        nuint excess = resized == null ? (total > oldTotal ? total - oldTotal : 0)
            : oldTotal > total ? oldTotal - total : 0;
        Unreserve(excess);
        if (resized != null && total > oldTotal)
        {
            _budget.NoteGrowth(reached);
        }

        NotifyUsed();
        return resized == null ? null : FallbackHeader.BlockOf(resized);
    }

    // NativeMemory cannot say whether a block can grow where it is.
    public override bool TryExpand(ThreadCache* cache, void* address, nuint byteCount) =>
        byteCount <= Resolve(address, "TryExpand")->Bytes;

    public override void RequireSize(ThreadCache* cache, void* address, nuint byteCount) =>
        Misuse.RequireSize(address, "Free", byteCount, Resolve(address, "Free")->Bytes);

    public override nuint GoodSize(nuint byteCount) => byteCount;

    public override void Free(ThreadCache* cache, void* address)
    {
        FallbackHeader* header = Resolve(address, "Free");
        _lists[header->List].Remove(header);
        Release(header);
    }

    void ITeller.Tell() => NotifyUsed();

    // Never throws: the caller may hold a block that nothing else refers to.
    private void NotifyUsed()
    {
        if (Callouts.AreDeferred)
        {
            Callouts.NoteDeferred(this);
            return;
        }

        _budget.TellIfAbove();
    }

    public override nuint UsableSize(ThreadCache* cache, void* address, string operation = "UsableSize") =>
        Resolve(address, operation)->Bytes;

    // The calling thread's list comes first, as it has the blocks that the thread allocated last.
    public override bool Owns(void* address)
    {
        int own = ChooseList();
        bool isOwned = _lists[own].Contains((byte*)address);
        for (int i = 0; i < _lists.Length && !isOwned; i++)
        {
            isOwned = i != own && _lists[i].Contains((byte*)address);
        }

        return isOwned;
    }

    // Without a lock there is no telling which blocks are live.
    public override bool CanRead(void* start, nuint byteCount) => false;

    // Nothing is kept for reuse here; what NativeMemory keeps it cannot be told to release.
    public override void Trim(ThreadCache* cache)
    {
    }

    public override long LimitBytes => _budget.HardBytes;

    public override HakmemStatistics GetStatistics()
    {
        (long count, long bytes) = CountLive();

        // Blocks may be freed between the two readings.
        long committed = Math.Max(bytes, CommittedBytes);
        return new HakmemStatistics
        {
            IsFallback = true,
            LiveBlocks = count,
            LiveBytes = bytes,
            CommittedBytes = committed,
            LimitBytes = LimitBytes,

            // Raised only after the bytes are added.
            PeakCommittedBytes = Math.Max(committed, _budget.PeakBytes),
            DirtyBytes = committed,
        };
    }

    // A thread that is within its only call, an allocation, holds another block, which is counted throughout (see
    // HakmemAllocator.TryDispose). One that is within a free touches the heap's objects alone after the block is no
    // longer counted.
    public override bool IsUnused() => CountLive().Count == 0;

    public override HakmemVerification Verify()
    {
        string[] problems = new string[_lists.Length];
        int count = 0;
        for (int i = 0; i < _lists.Length; i++)
        {
            if (!_lists[i].Verify(_number, i, out FallbackHeader* damaged))
            {
                nuint block = (nuint)FallbackHeader.BlockOf(damaged);
                problems[count++] = damaged == null
                    ? "A list of live blocks has another number of blocks than was counted."
                    : string.Create(
                        CultureInfo.InvariantCulture,
                        $"The header in front of the block at 0x{(ulong)block:x} is damaged.");
            }
        }

        return new HakmemVerification { Problems = problems.AsSpan(0, count).ToArray() };
    }

    public override HakmemHeapMap GetHeapMap() => new();

    public override OutOfMemoryException OutOfMemory(nuint byteCount)
    {
        long committed = _budget.CommittedBytes;
        long hardBytes = _budget.HardBytes;
        return hardBytes > 0 && hardBytes - committed < (long)nuint.Min(byteCount, nuint.MaxValue >> 1)
            ? new OutOfMemoryException(
                $"Hakmem could not allocate {byteCount} bytes: {committed} of the heap's limit of {hardBytes} bytes " +
                "are committed.")
            : new OutOfMemoryException(
                $"Hakmem could not allocate {byteCount} bytes: the system refused more memory. {committed} bytes are " +
                "committed.");
    }

    public override void Dispose()
    {
        foreach (FallbackList list in _lists)
        {
            for (FallbackHeader* header = list.TakeAll(); header != null;)
            {
                FallbackHeader* next = header->Next;
                Release(header);
                header = next;
            }
        }
    }

    // The runtime gives the numbers of threads that have ended out again, so they are small.
    private int ChooseList() => (int)((uint)Environment.CurrentManagedThreadId % (uint)_lists.Length);

    private static int ShiftOf(nuint alignment) =>
        Math.Max(BitOperations.Log2(alignment), FallbackHeader.MinAlignmentShift);

    // Returns the header of a block. Throws unless it is one of this heap, as far as its mark tells.
    private FallbackHeader* Resolve(void* address, string operation)
    {
        if ((nuint)address < LeastAddress)
        {
            throw Misuse.Of(address, operation, "it is not Hakmem memory");
        }

        if ((nuint)address % Geometry.MinAlignment != 0)
        {
            throw Misuse.Of(address, operation, "it is a misaligned pointer");
        }

        FallbackHeader* header = FallbackHeader.Of(address);
        if (header->Mark != FallbackHeader.MarkAt(header))
        {
            throw Misuse.Of(
                address, operation, "no block begins there: it was freed already, or is not Hakmem memory");
        }

        return header->Heap == _number ? header : throw Misuse.OtherHeap(address, operation);
    }

    private (long Count, long Bytes) CountLive()
    {
        long count = 0;
        long bytes = 0;
        foreach (FallbackList list in _lists)
        {
            list.Count(ref count, ref bytes);
        }

        return (count, bytes);
    }

    private void* TryAllocate(nuint byteCount, int alignmentShift, bool isZeroed)
    {
        if (!FallbackHeader.TryGetTotal(byteCount, alignmentShift, out nuint total) ||
            !TryReserve(total, out long reached))
        {
            return null;
        }

        byte* start = TryTake(total, isZeroed);
        if (start == null)
        {
            Unreserve(total);
            return null;
        }

        _budget.NoteGrowth(reached);
        int list = ChooseList();
        FallbackHeader* header = Write(start, byteCount, alignmentShift, list);
        _lists[list].Add(header);
        return FallbackHeader.BlockOf(header);
    }

    private void* TryCopy(FallbackHeader* header, nuint byteCount, int alignmentShift)
    {
        void* copy = TryAllocate(byteCount, alignmentShift, isZeroed: false);
        if (copy != null)
        {
            byte* block = FallbackHeader.BlockOf(header);
            nuint kept = nuint.Min(byteCount, header->Bytes);
            Buffer.MemoryCopy(block, copy, kept, kept);
            Free(null, block);
        }

        return copy;
    }

    // Resizes the memory of a block, which lies at the offset in it. Returns null if there is none; the block is then
    // as it was.
    private FallbackHeader* TryResize(
        FallbackHeader* header, nuint total, int alignmentShift, nuint byteCount, nuint offset)
    {
        // Read before, as the header may be gone after.
        int index = header->List;
        nuint oldBytes = header->Bytes;
        FallbackList list = _lists[index];
        list.Detach(header);
        header->Mark = 0;
        byte* start = TryRetake(header->Start, total);
        if (start == null)
        {
            header->Mark = FallbackHeader.MarkAt(header);
            list.Attach(header, 0);
            return null;
        }

        // The contents go first, because the header may lie where they were.
        byte* block = FallbackHeader.PlaceIn(start, alignmentShift);
        nuint kept = nuint.Min(byteCount, oldBytes);
        if (start + offset != block)
        {
            Buffer.MemoryCopy(start + offset, block, kept, kept);
        }

        FallbackHeader* resized = Write(start, byteCount, alignmentShift, index);
        list.Attach(resized, (long)byteCount - (long)oldBytes);
        return resized;
    }

    // Writes the header of a block, except for its links.
    private FallbackHeader* Write(byte* start, nuint byteCount, int alignmentShift, int list)
    {
        FallbackHeader* header = FallbackHeader.Of(FallbackHeader.PlaceIn(start, alignmentShift));
        header->Mark = FallbackHeader.MarkAt(header);
        header->Start = start;
        header->Bytes = byteCount;
        header->Heap = _number;
        header->List = (byte)list;
        header->AlignmentShift = (byte)alignmentShift;
        header->Tag = 0;
        return header;
    }

    // Gives the memory of a block back that no list has any more.
    private void Release(FallbackHeader* header)
    {
        nuint total = FallbackHeader.TotalOf(header);
        header->Mark = 0;
        NativeMemory.Free(header->Start);
        Unreserve(total);
    }

    // After the memory is there, the sum that was reached is to be noted as growth.
    private bool TryReserve(nuint total, out long reached)
    {
        bool isAdmitted = _budget.TryReserve((long)total, out reached);
        Interlocked.Add(ref _committedBytes, isAdmitted ? (long)total : 0);
        return isAdmitted;
    }

    private void Unreserve(nuint total)
    {
        Interlocked.Add(ref _committedBytes, -(long)total);
        _budget.Remove((long)total);
    }

    // NativeMemory says that it has no memory by an exception.
    private static byte* TryTake(nuint total, bool isZeroed)
    {
        try
        {
            return (byte*)(isZeroed ? NativeMemory.AllocZeroed(total) : NativeMemory.Alloc(total));
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    private static byte* TryRetake(byte* start, nuint total)
    {
        try
        {
            return (byte*)NativeMemory.Realloc(start, total);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }
}
