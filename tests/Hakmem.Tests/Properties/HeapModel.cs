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
            case HeapAction.Realloc when index < 0:
                Ledger.Add(heap.Realloc(null, bytes), bytes);
                break;
            case HeapAction.Realloc:
                Ledger.Resize(index, bytes);
                break;
            case HeapAction.Free when index >= 0:
                Ledger.Free(index);
                break;
            case HeapAction.UsableSize when index >= 0:
                Assert.Equal(Ledger[index].Bytes, heap.UsableSize(Ledger[index].Pointer));
                break;
            case HeapAction.Free or HeapAction.UsableSize:
                heap.Free(null);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(step));
        }
    }
}
