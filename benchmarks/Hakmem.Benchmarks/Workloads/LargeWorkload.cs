using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>A few slots of many megabytes replaced at random, every page written: what mapping and unmapping costs.</summary>
internal sealed unsafe class LargeWorkload : Workload
{
    private const int SlotCount = 20;
    private const uint MinimumBytes = 5 << 20;
    private const uint SizeCount = (20 << 20) + 1;
    private const ulong Seed = 0xB16;

    public LargeWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

    private static long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        void** slots = PointerTable.Rent(SlotCount);
        Loop<T>(slots, operations);
        for (int i = 0; i < SlotCount; i++)
        {
            T.Free(slots[i]);
        }

        PointerTable.Return(slots);
        return operations;
    }

    private static void Loop<T>(void** slots, long operations)
        where T : struct, IAllocatorSubject
    {
        Xorshift random = new(Seed);
        for (long i = 0; i < operations; i++)
        {
            uint slot = random.Below(SlotCount);
            nuint byteCount = MinimumBytes + random.Below(SizeCount);
            T.Free(slots[slot]);
            void* block = T.Alloc(byteCount);
            Block.TouchPages(block, byteCount);
            slots[slot] = block;
        }
    }
}
