using System;
using System.Runtime.InteropServices;

namespace Hakmem.AspNetCore.Pooling;

// Arrays that the collector does not move, in which blocks start on cache lines, so that two connections do not write
// to the same line. The runtime aligns arrays to 8.
internal static class PinnedArray
{
    private const int AlignmentBytes = 64;

    // Has so many bytes from the start on.
    public static unsafe byte[] Allocate(int bytes, out int start)
    {
        byte[] array = GC.AllocateUninitializedArray<byte>(bytes + AlignmentBytes - 1, pinned: true);

        // SAFETY: the address is only used as a number, and the array is pinned for its life.
        nuint address = (nuint)(nint)Marshal.UnsafeAddrOfPinnedArrayElement(array, 0);
        start = (int)((0 - address) & (AlignmentBytes - 1));
        return array;
    }
}
