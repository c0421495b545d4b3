using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
#if NET
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
#endif

namespace Hakmem;

// Copies the bytes that are written to a stream: as Span.CopyTo, but faster for lengths of some KiB if the processor
// has vectors of 32 bytes.
//
// Above 2 KiB Span.CopyTo calls memmove of the C library. That of the GNU library uses one instruction of the
// processor, "rep movsb", which waits for each line of the destination that is not in a cache, and a stream's next
// chunk seldom is. A loop of vectors that prefetches the lines a page ahead of its stores does not wait:
// benchmarks/LOG.md has the measurement. From about 8 KiB on the instruction is as fast, so longer copies use it.
internal static unsafe class VectorCopy
{
    // The shortest and the longest length that vectors copy.
    public const int MinBytes = (2 << 10) + 1;
    public const int MaxBytes = 8 << 10;

    // Throws ArgumentException if the destination is shorter than the source. They may overlap.
    public static void Copy(ReadOnlySpan<byte> source, Span<byte> destination)
    {
#if NET
        if (Avx2.IsSupported && source.Length is >= MinBytes and <= MaxBytes &&
            source.Length <= destination.Length && !source.Overlaps(destination))
        {
            fixed (byte* from = source, to = destination)
            {
                CopyAhead(from, to, (nuint)source.Length);
            }

            return;
        }
#endif

        source.CopyTo(destination);
    }

#if NET
    // SAFETY: both ranges have the given number of bytes, which is at least a stride and two vectors. Prefetches beyond
    // the end of the destination are hints, which never fault. The method is optimised from its first call, because
    // unoptimised code moves the vectors through the stack and took five times as long.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyAhead(byte* from, byte* to, nuint bytes)
    {
        const int Vector = 32;
        const int Stride = 4 * Vector;
        const int Line = 64;
        const int Ahead = 4 << 10;
        Debug.Assert(bytes >= Stride + (2 * Vector), "The first steps of the loop would write beyond the end.");

        // The first and the last vector may be unaligned. Those between are aligned in the destination, so that no
        // store crosses a line.
        Vector256.Load(from).Store(to);
        nuint end = bytes - Vector;
        nuint offset = Vector - ((nuint)to % Vector);
        for (; offset + Stride <= end; offset += Stride)
        {
            Sse.Prefetch0(to + offset + Ahead);
            Sse.Prefetch0(to + offset + Ahead + Line);
            Vector256<byte> first = Vector256.Load(from + offset);
            Vector256<byte> second = Vector256.Load(from + offset + Vector);
            Vector256<byte> third = Vector256.Load(from + offset + (2 * Vector));
            Vector256<byte> fourth = Vector256.Load(from + offset + (3 * Vector));
            first.StoreAligned(to + offset);
            second.StoreAligned(to + offset + Vector);
            third.StoreAligned(to + offset + (2 * Vector));
            fourth.StoreAligned(to + offset + (3 * Vector));
        }

        for (; offset < end; offset += Vector)
        {
            Vector256.Load(from + offset).StoreAligned(to + offset);
        }

        Vector256.Load(from + end).Store(to + end);
    }
#endif
}
