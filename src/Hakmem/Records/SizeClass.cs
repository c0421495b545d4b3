using System.Numerics;
using System.Runtime.CompilerServices;

namespace Hakmem.Records;

// Size classes: which block size serves a request.
//
//   class   0 ..  15   every 16 bytes up to 256
//   class  16 .. 111   eight to a doubling from 256 B up to 1 MiB
//
// Eight to a doubling means steps of an eighth of the power of two below, so a request above 128 bytes wastes less than 12.5 % of
// itself. The step is found from the position of the highest bit, so that IndexOf is branch-free and folds to a constant where the
// size is one; the first sixteen classes come out of the same formula because the highest bit is taken to be at least bit 7.
internal static class SizeClass
{
    // The number of classes; an index is 0 .. Count - 1.
    public const int Count = 112;

    // The largest request in bytes that a size class serves: 1 MiB. Larger ones are runs of SuperSlabs.
    public const int MaxBytes = 1 << 20;

    // The first class above 256 bytes. Thread caches keep a pair of magazines for the classes below it, one to take from and one to put
    // into, and a stack, last in, first out, for the others (see Bin). Chosen by random-mixed: with every class up to 1 KiB paired a
    // step took 9.1 ns, with the pairs ending at 256 bytes 8.1.
    public const int FirstStacked = 16;

    private const int LinearBits = 7;
    private const int StepBits = 3;

    // The class of a request of lastByte + 1 bytes, where lastByte < MaxBytes. Taking the request less one makes the caller's range
    // check one unsigned compare that sends zero bytes (which wraps) to the slow path together with large requests.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint IndexOf(nuint lastByte)
    {
        uint last = (uint)lastByte;
        int highestBit = BitOperations.Log2(last | (1u << LinearBits));
        return (((uint)highestBit - LinearBits) << StepBits) + (last >> (highestBit - StepBits));
    }

    // The block size of a class in bytes.
    public static int BytesOf(int index)
    {
        int group = index >> StepBits;
        int step = index & ((1 << StepBits) - 1);
        return group == 0 ? (step + 1) << 4 : ((1 << StepBits) + step + 1) << (group + LinearBits - 1 - StepBits);
    }
}
