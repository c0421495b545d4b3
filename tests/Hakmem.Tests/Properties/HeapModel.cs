using System;
using Hakmem.Heaps;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Properties;

// A heap beside the ledger of what must be live in it: takes steps on both and compares them.
internal sealed unsafe class HeapModel(HakmemAllocator heap)
{
    // What all live blocks of one heap may hold together; a step beyond it frees instead, so that long sequences stay small.
    private const long MaxLiveBytes = 100L << 20;

    public BlockLedger Ledger { get; } = new(heap);

    public HakmemAllocator Heap => heap;

    public void Take(HeapStep step)
    {
        nuint bytes = (nuint)step.Bytes;
        bool full = Ledger.UsableBytes + step.Bytes > MaxLiveBytes;
        int index = Ledger.Count == 0 ? -1 : step.Slot % Ledger.Count;
        switch (full ? HeapAction.Free : step.Action)
        {
            case HeapAction.Alloc:
                Ledger.Allocate(bytes);
                break;
            case HeapAction.AllocZeroed:
                Ledger.AllocateZeroed(bytes);
                break;
            case HeapAction.AlignedAlloc:
                Ledger.AllocateAligned(bytes, step.Alignment);
                break;
            case HeapAction.Trim:
                heap.Trim();
                break;
            case HeapAction.AllocAtLeast:
                AllocateAtLeast(bytes);
                break;
            case HeapAction.Realloc when index < 0:
                Ledger.Add(heap.Realloc(null, bytes), bytes);
                break;
            case HeapAction.Realloc:
                Ledger.Resize(index, bytes);
                break;
            case HeapAction.AlignedRealloc or HeapAction.TryRealloc:
                Resize(step, index);
                break;
            case HeapAction.TryExpand when index >= 0:
                Expand(index, bytes);
                break;
            case HeapAction.Free when index >= 0:
                Ledger.Free(index);
                break;
            case HeapAction.SizedFree when index >= 0:
                Block freed = Ledger.Remove(index);
                heap.Free(freed.Pointer, nuint.Min(bytes, freed.Bytes));
                break;
            case HeapAction.FreeWithALie when index >= 0:
                Block kept = Ledger[index];
                Corruption.AssertReported(kept.Pointer, () => heap.Free(kept.Pointer, kept.Bytes + 1 + bytes));
                kept.Verify();
                break;
            case HeapAction.UsableSize when index >= 0:
                Assert.Equal(Ledger[index].Bytes, heap.UsableSize(Ledger[index].Pointer));
                break;
            case HeapAction.Free or HeapAction.UsableSize:
                heap.Free(null);
                break;
            case HeapAction.SizedFree or HeapAction.FreeWithALie:
                heap.Free(null, bytes);
                break;
            case HeapAction.TryExpand:
                Assert.False(heap.TryExpand(null, bytes));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(step));
        }
    }

    private void AllocateAtLeast(nuint bytes)
    {
        void* pointer = heap.AllocAtLeast(bytes, out nuint usable);
        Assert.Equal(heap.GoodSize(bytes), usable);
        Assert.Equal(usable, Ledger.Add(pointer, bytes).Bytes);
    }

    // By AlignedRealloc or TryRealloc; allocates if there is no block.
    private void Resize(HeapStep step, int index)
    {
        nuint bytes = (nuint)step.Bytes;
        Block old = index < 0 ? default : Ledger.Remove(index);
        void* moved = old.Pointer;
        if (step.Action == HeapAction.AlignedRealloc)
        {
            moved = heap.Realloc(moved, bytes, step.Alignment);
            Assert.Equal((nuint)0, (nuint)moved % step.Alignment);
        }
        else
        {
            Assert.True(heap.TryRealloc(ref moved, bytes));
        }

        Pattern.Verify(moved, nuint.Min(old.Bytes, bytes), old.Seed);
        Ledger.Add(moved, bytes);
    }

    // The block is filled anew in any case, because a run may have become larger than before although it was not
    // enough.
    private void Expand(int index, nuint bytes)
    {
        Block old = Ledger.Remove(index);
        bool isEnough = heap.TryExpand(old.Pointer, bytes);
        old.Verify();
        Block now = Ledger.Add(old.Pointer, old.Bytes);
        Assert.True(now.Bytes >= bytes || !isEnough);
    }
}
