using System;
using System.Runtime.CompilerServices;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Traces.Replay;

/// <summary>What a replay does with its blocks in the place of the program. Static, as subjects are: it is part of the
/// compiled loop.</summary>
internal unsafe interface IBlockUse
{
    /// <summary>A block was allocated.</summary>
    static abstract void Allocated(void* block, nuint byteCount, bool isZeroed);

    /// <summary>A block is about to be resized or freed.</summary>
    static abstract void Leaving(void* block, nuint byteCount);

    /// <summary>A block was resized.</summary>
    static abstract void Resized(void* block, nuint oldByteCount, nuint byteCount);
}

/// <summary>Writes the first and the last byte, as the other workloads do: for times.</summary>
internal readonly unsafe struct TouchEnds : IBlockUse
{
    public static void Allocated(void* block, nuint byteCount, bool isZeroed) => Touch(block, byteCount);

    public static void Leaving(void* block, nuint byteCount)
    {
    }

    public static void Resized(void* block, nuint oldByteCount, nuint byteCount) => Touch(block, byteCount);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Touch(void* block, nuint byteCount)
    {
        // Programs ask for nothing at times.
        if (byteCount > 0)
        {
            Block.Touch(block, byteCount);
        }
    }
}

/// <summary>Writes to every page, as the program will have done: for memory.</summary>
internal readonly unsafe struct TouchPages : IBlockUse
{
    public static void Allocated(void* block, nuint byteCount, bool isZeroed)
    {
        if (byteCount > 0)
        {
            Block.TouchPages(block, byteCount);
        }
    }

    public static void Leaving(void* block, nuint byteCount)
    {
    }

    public static void Resized(void* block, nuint oldByteCount, nuint byteCount) =>
        Allocated(block, byteCount, isZeroed: false);
}

/// <summary>Fills every block, and verifies it whole before it is resized or freed: for tests.</summary>
internal readonly unsafe struct VerifyContents : IBlockUse
{
    public static void Allocated(void* block, nuint byteCount, bool isZeroed)
    {
        if (isZeroed && Bytes(block, byteCount).ContainsAnyExcept((byte)0))
        {
            throw new InvalidOperationException($"A block of {byteCount} bytes that was to be zero is not.");
        }

        Fill(block, byteCount, seed: (byte)byteCount);
    }

    public static void Leaving(void* block, nuint byteCount) => Verify(block, byteCount, seed: (byte)byteCount);

    public static void Resized(void* block, nuint oldByteCount, nuint byteCount)
    {
        Verify(block, nuint.Min(oldByteCount, byteCount), seed: (byte)oldByteCount);
        Fill(block, byteCount, seed: (byte)byteCount);
    }

    private static Span<byte> Bytes(void* block, nuint byteCount) => new(block, checked((int)byteCount));

    private static void Fill(void* block, nuint byteCount, byte seed)
    {
        byte* bytes = (byte*)block;
        for (nuint i = 0; i < byteCount; i++)
        {
            bytes[i] = Expected(i, seed);
        }
    }

    private static void Verify(void* block, nuint byteCount, byte seed)
    {
        byte* bytes = (byte*)block;
        for (nuint i = 0; i < byteCount; i++)
        {
            if (bytes[i] != Expected(i, seed))
            {
                throw new InvalidOperationException($"A block of {byteCount} bytes was changed at byte {i}.");
            }
        }
    }

    private static byte Expected(nuint index, byte seed) => (byte)((index * 31) + seed + 1);
}
