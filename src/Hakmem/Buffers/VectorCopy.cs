using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
#if NET
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
#endif

namespace Hakmem;

// Copies what is written to a stream: as Span.CopyTo does, and faster for lengths of some KiB where the processor has vectors of 32 bytes.
//
// More than 2 KiB are copied by the C library's memmove, and the GNU library's does that by one instruction of the processor, "rep movsb", which
// waits for each line of the destination where it is not in a cache. A stream's next chunk seldom is. A loop of vectors that asks for lines a
// page ahead of where it stores does not wait: see benchmarks/LOG.md for what it brings. From some 8 KiB the instruction catches up, and what
// is longer is left to it.
internal static unsafe class VectorCopy
{
    // Of these lengths, both included, vectors copy.
    public const int MinBytes = (2 << 10) + 1;
    public const int MaxBytes = 8 << 10;

    // The destination must be at least as long as the source; they may overlap.
    public static void Copy(ReadOnlySpan<byte> source, Span<byte> destination)
    {
#if NET
        if (Avx2.IsSupported && source.Length is >= MinBytes and <= MaxBytes && source.Length <= destination.Length && !source.Overlaps(destination))
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
    // SAFETY: both have so many bytes, which is at least a stride and two vectors. Lines are asked for beyond the destination's end: a hint, which never
    // faults, and whose line nothing depends on. Optimised from its first call: as it is compiled first, vectors through the stack, it took five times as long.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyAhead(byte* from, byte* to, nuint bytes)
    {
        const int Vector = 32;
        const int Stride = 4 * Vector;
        const int Line = 64;
        const int Ahead = 4 << 10;
        Debug.Assert(bytes >= Stride + (2 * Vector), "The loop's first steps would go beyond the end.");

        // The first vector and the last go wherever they fall, those between to whole vectors of the destination: no store lies across two lines.
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
