using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// A table of slots visited at random: a full slot is freed, an empty one gets a block of random size. Half the operations
/// allocate and half free, in no order.
/// </summary>
internal sealed unsafe class SlotChurnWorkload : Workload
{
    private const ulong Seed = 0x5EED;

    private readonly int _slotCount;
    private readonly uint _minimumBytes;
    private readonly uint _maximumBytes;

    /// <summary>Describes the churn.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="slotCount">How many slots: a power of two.</param>
    /// <param name="minimumBytes">The smallest block.</param>
    /// <param name="maximumBytes">The largest block.</param>
    public SlotChurnWorkload(string name, int slotCount, uint minimumBytes, uint maximumBytes)
        : base(name)
    {
        _slotCount = slotCount;
        _minimumBytes = minimumBytes;
        _maximumBytes = maximumBytes;
    }

    public override WorkloadBody ForAllocator<T>() => operations =>
    {
        void** slots = PointerTable.Rent(_slotCount);
        Loop<T>(slots, (uint)_slotCount - 1, _minimumBytes, _maximumBytes - _minimumBytes + 1, operations);
        for (int i = 0; i < _slotCount; i++)
        {
            T.Free(slots[i]);
        }

        PointerTable.Return(slots);
        return operations;
    };

    private static void Loop<T>(void** slots, uint slotMask, uint minimumBytes, uint sizeCount, long operations)
        where T : struct, IAllocatorSubject
    {
        Xorshift random = new(Seed);
        for (long i = 0; i < operations; i++)
        {
            ulong drawn = random.Next();
            uint slot = (uint)drawn & slotMask;
            void* block = slots[slot];
            if (block is not null)
            {
                T.Free(block);
                slots[slot] = null;
            }
            else
            {
                nuint byteCount = minimumBytes + Xorshift.Scale(drawn, sizeCount);
                block = T.Alloc(byteCount);
                Block.Touch(block, byteCount);
                slots[slot] = block;
            }
        }
    }
}
