using System;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// A block whose every word says what it should be: the first holds the length, and each word is derived from its own index and
/// address. Two live blocks that overlap, or a write after a free, cannot both leave all words right.
/// </summary>
internal static unsafe partial class CheckedBlock
{
    /// <summary>The longest block that may be asked for, so that a corrupt length is not followed past mapped memory.</summary>
    public const uint MaximumWords = 128 * 10_000;

    private const ulong Cookie = 0xBF58476D1CE4E5B9;

    /// <summary>Allocates a block and fills all of it.</summary>
    /// <param name="wordCount">Its length in words of eight bytes: at least one, at most <see cref="MaximumWords"/>.</param>
    public static void* Alloc<T>(uint wordCount)
        where T : struct, IAllocatorSubject
    {
        ulong* words = (ulong*)T.Alloc((nuint)wordCount * sizeof(ulong));
        OnFilling(words, (nuint)wordCount * sizeof(ulong));
        for (uint i = 0; i < wordCount; i++)
        {
            words[i] = Expected(words, wordCount, i);
        }

        return words;
    }

    /// <summary>Verifies a block and frees it; null is let pass.</summary>
    /// <exception cref="InvalidOperationException">A word is not what was written there.</exception>
    public static void Free<T>(void* block)
        where T : struct, IAllocatorSubject
    {
        if (block is null)
        {
            return;
        }

        ulong* words = (ulong*)block;
        ulong wordCount = words[0] ^ Cookie ^ (ulong)words;
        if (wordCount > MaximumWords)
        {
            throw new InvalidOperationException($"Block {(nint)block:x} is corrupt at its first word.");
        }

        for (uint i = 0; i < wordCount; i++)
        {
            if (words[i] != Expected(words, wordCount, i))
            {
                throw new InvalidOperationException($"Block {(nint)block:x} of {wordCount} words is corrupt at word {i}.");
            }
        }

        T.Free(block);
    }

    // As in Block: a body only where writes are counted.
    static partial void OnFilling(void* block, nuint byteCount);

    private static ulong Expected(ulong* words, ulong wordCount, uint index) => (wordCount - index) ^ Cookie ^ (ulong)words;
}
