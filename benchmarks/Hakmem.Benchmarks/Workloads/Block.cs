using System;
using System.Runtime.CompilerServices;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>What every workload does to its blocks.</summary>
internal static unsafe partial class Block
{
    private static readonly int s_pageBytes = Environment.SystemPageSize;

    /// <summary>
    /// Writes the first and the last byte. An allocator that hands out memory nobody touches looks faster than it is: the page
    /// faults and cache misses of a block belong to its price.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Touch(void* block, nuint byteCount)
    {
        OnTouching(block, byteCount);
        ((byte*)block)[0] = 1;
        ((byte*)block)[byteCount - 1] = 1;
    }

    // A program that counts who writes where has a body for it (see benchmarks/Hakmem.Scale). Elsewhere there is none,
    // and no call is compiled.
    static partial void OnTouching(void* block, nuint byteCount);

    /// <summary>Writes one byte in every page, and the last byte.</summary>
    public static void TouchPages(void* block, nuint byteCount)
    {
        for (nuint offset = 0; offset < byteCount; offset += (nuint)s_pageBytes)
        {
            ((byte*)block)[offset] = 1;
        }

        ((byte*)block)[byteCount - 1] = 1;
    }
}
