using System.Numerics;
using System.Runtime.CompilerServices;

namespace Hakmem.Records;

// Size classes: the block size that serves a request.
//
//   class   0 ..  15   every 16 bytes up to 256
//   class  16 .. 111   eight to a doubling from 256 B up to 1 MiB
//
// Eight to a doubling means steps of an eighth of the power of two below, so a request above 128 bytes wastes less than
// 12.5 % of itself. The position of the highest bit, at least 7, determines the step, so that IndexOf has no branches
// and folds to a constant if the size is one.
internal static class SizeClass
{
    private const int LinearBits = 7;
    private const int StepBits = 3;

    // The base-two logarithm of MaxBytes.
    public const int MaxBits = 20;

    // The largest request in bytes that a size class serves: 1 MiB. Larger ones are runs of SuperSlabs.
    public const int MaxBytes = 1 << MaxBits;

    // The number of classes; an index is 0 .. Count - 1.
    public const int Count = (MaxBits - LinearBits + 1) << StepBits;

    // The first class above 256 bytes: thread caches have stacked bins from it on (see Bin). Chosen by random-mixed:
    // with every class up to 1 KiB paired a step took 9.1 ns, with the pairs ending at 256 bytes 8.1.
    public const int FirstStacked = 2 << StepBits;

    // The class of a request of lastByte + 1 bytes, where lastByte < MaxBytes. One unsigned compare of lastByte is the
    // range check: zero bytes wrap, and go to the slow path together with large requests.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint IndexOf(nuint lastByte)
    {
        uint last = (uint)lastByte;
        int highestBit = BitOperations.Log2(last | (1u << LinearBits));
        return (((uint)highestBit - LinearBits) << StepBits) + (last >> (highestBit - StepBits));
    }

    // One more than IndexOf: the place of the class's bin in a thread cache. The same formula in fewer nodes of the JIT
    // compiler's tree (see HakmemAllocator.Alloc): shifted until its highest bit, or the eighth bit of a number below
    // 128, is the highest of 32, a number has its step in its four highest bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint PlaceOf(nuint lastByte)
    {
        int zeros = BitOperations.LeadingZeroCount((uint)lastByte | (1u << LinearBits));
        return ((uint)(zeros ^ 31) << StepBits) + ((uint)lastByte << zeros >> (31 - StepBits)) -
            (LinearBits << StepBits) + 1;
    }

    // The block size for a request of lastByte + 1 bytes, where lastByte < MaxBytes. Shares its steps with PlaceOf.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int BytesFor(nuint lastByte)
    {
        int zeros = BitOperations.LeadingZeroCount((uint)lastByte | (1u << LinearBits));
        return (int)(((uint)lastByte | (uint.MaxValue >> (StepBits + 1) >> zeros)) + 1);
    }

    // The block size of a class in bytes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int BytesOf(int index)
    {
        int group = index >> StepBits;
        int step = index & ((1 << StepBits) - 1);
        return group == 0 ? (step + 1) << 4 : ((1 << StepBits) + step + 1) << (group + LinearBits - 1 - StepBits);
    }
}
