namespace Hakmem.QuickStart;

// The two benchmarks of the original HAKMEM. Every block's first and last byte is written: an allocator that hands out
// memory nobody touches looks faster than it is.
internal static unsafe class Workloads
{
    public const int LargestBytes = 1040;

    private const int TinyBytes = 64;
    private const int SmallestBytes = 16;
    private const int SlotCount = 256;
    private const ulong Seed = 0x9E3779B97F4A7C15;

    // One 64-byte block at a time: allocate, touch, free. A step is the three together.
    public static void TinyHot<T>(int steps)
        where T : struct, IBlockAllocator
    {
        for (int step = 0; step < steps; step++)
        {
            void* block = T.Alloc(TinyBytes);
            Touch(block, TinyBytes);
            T.Free(block);
        }
    }

    // Random slots of a table: a full one is freed, an empty one gets a block of 16 to 1040 bytes. A step is one of the
    // two.
    public static void RandomMixed<T>(int steps)
        where T : struct, IBlockAllocator
    {
        // An array, pinned by the fixed statement: a method with a stackalloc is compiled once and never gets better.
        fixed (nint* slots = new nint[SlotCount])
        {
            Churn<T>(slots, steps);
            for (int slot = 0; slot < SlotCount; slot++)
            {
                if (slots[slot] != 0)
                {
                    T.Free((void*)slots[slot]);
                }
            }
        }
    }

    private static void Churn<T>(nint* slots, int steps)
        where T : struct, IBlockAllocator
    {
        ulong random = Seed;
        for (int step = 0; step < steps; step++)
        {
            // Marsaglia's xorshift: the low bits choose the slot, the high half the size.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            nint* slot = slots + (random % SlotCount);
            if (*slot != 0)
            {
                T.Free((void*)*slot);
                *slot = 0;
            }
            else
            {
                nuint byteCount = SmallestBytes + (nuint)(((random >> 32) * (LargestBytes - SmallestBytes + 1)) >> 32);
                void* block = T.Alloc(byteCount);
                Touch(block, byteCount);
                *slot = (nint)block;
            }
        }
    }

    private static void Touch(void* block, nuint byteCount)
    {
        ((byte*)block)[0] = 1;
        ((byte*)block)[byteCount - 1] = 1;
    }
}
