using System;
using System.Diagnostics;
using System.Numerics;
using Hakmem.Records;

namespace Hakmem.Pages;

// A set of SuperSlab indexes that finds runs: a bitmap that grows.
//
// Only TryReserve makes it grow, so that adding cannot fail between two parts of a step. The words are a metadata
// record, not an array: a managed allocation may throw, which is forbidden under the lock that guards the set.
//
// Not thread-safe: the owner of the set guards it.
internal sealed unsafe class SuperSlabBitmap
{
    private const int BitsPerWord = 64;

    // The SuperSlabs of the largest arena. The largest metadata record has a bit for each.
    private const int MaxLimit = (int)(Geometry.MaxArenaBytes >> Geometry.SlabShift);

    // The smallest metadata record has bits for 1 GiB of SuperSlabs.
    private const int InitialLimit = MetadataAllocator.MinRecordBytes * 8;

    private readonly MetadataAllocator _metadata;

    // Null if there was no memory for any.
    private ulong* _words;
    private int _wordCount;

    // Has room for some indexes, if there is memory for it.
    public SuperSlabBitmap(MetadataAllocator metadata)
    {
        _metadata = metadata;
        TryReserve(InitialLimit);
    }

    public int Count { get; private set; }

    // One more than the largest index that the set has room for.
    public int Limit => _wordCount * BitsPerWord;

    public bool Contains(int index) => index < Limit && (_words[index >> 6] & (1UL << index)) != 0;

    // Makes room for indexes below a limit of at most MaxLimit. False, without a change, if memory is exhausted.
    public bool TryReserve(int limit)
    {
        if (limit <= Limit)
        {
            return true;
        }

        if (limit > MaxLimit)
        {
            return false;
        }

        int bytes = MetadataAllocator.RoundUp(((limit + BitsPerWord - 1) / BitsPerWord) * sizeof(ulong));
        ulong* grown = (ulong*)_metadata.TryAllocate(bytes);
        if (grown == null)
        {
            return false;
        }

        if (_words != null)
        {
            new ReadOnlySpan<ulong>(_words, _wordCount).CopyTo(new Span<ulong>(grown, bytes / sizeof(ulong)));
        }

        Release();
        _words = grown;
        _wordCount = bytes / sizeof(ulong);
        return true;
    }

    // Adds indexes that are not members. TryReserve has made room for them.
    public void Add(int first, int count)
    {
        Debug.Assert(first >= 0 && first + count <= Limit, "The set has no room for the indexes.");
        Debug.Assert(CountIn(first, count) == 0, "Members are added again.");
        for (int index = first; index < first + count; index++)
        {
            _words[index >> 6] |= 1UL << index;
        }

        Count += count;
    }

    // Removes indexes that are members.
    public void Remove(int first, int count)
    {
        Debug.Assert(CountIn(first, count) == count, "Indexes are removed that are not members.");
        for (int index = first; index < first + count; index++)
        {
            _words[index >> 6] &= ~(1UL << index);
        }

        Count -= count;
    }

    // The number of members among these indexes.
    public int CountIn(int first, int count)
    {
        int members = 0;
        for (int index = first; index < first + count; index++)
        {
            members += Contains(index) ? 1 : 0;
        }

        return members;
    }

    // Removes all members and frees the memory.
    public void Clear()
    {
        Release();
        Count = 0;
    }

    // The first member at or after an index; -1 if there is none.
    public int NextMember(int from) => Next(from, 0, Limit);

    // The first index at or after another, below a limit, that is not a member; the limit if there is none.
    public int NextGap(int from, int limit)
    {
        int gap = Next(from, ulong.MaxValue, Math.Min(limit, Limit));
        return gap >= 0 ? gap : Math.Min(limit, Math.Max(from, Limit));
    }

    // The lowest run of members whose first index plus phase is a multiple of the alignment; -1 if there is none.
    public int FindRun(int length, int alignment, int phase)
    {
        int start = NextMember(0);
        while (start >= 0)
        {
            int end = NextGap(start, Limit);
            int aligned = AlignUp(start, alignment, phase);
            if (end - aligned >= length)
            {
                return aligned;
            }

            start = NextMember(end);
        }

        return -1;
    }

    // As FindRun, for indexes below a limit that are not members.
    public int FindGapRun(int length, int alignment, int phase, int limit)
    {
        int start = NextGap(0, limit);
        while (start < limit)
        {
            int member = NextMember(start);
            int end = member < 0 ? limit : Math.Min(member, limit);
            int aligned = AlignUp(start, alignment, phase);
            if (end - aligned >= length)
            {
                return aligned;
            }

            start = NextGap(end, limit);
        }

        return -1;
    }

    private void Release()
    {
        if (_words != null)
        {
            _metadata.Free(_words, _wordCount * sizeof(ulong));
            _words = null;
            _wordCount = 0;
        }
    }

    private static int AlignUp(int index, int alignment, int phase) =>
        (int)(((index + (long)phase + alignment - 1) & -(long)alignment) - phase);

    private int Next(int from, ulong inversion, int limit)
    {
        if (from >= limit)
        {
            return -1;
        }

        int word = from >> 6;
        ulong bits = (_words[word] ^ inversion) & (ulong.MaxValue << from);
        while (bits == 0)
        {
            if (++word << 6 >= limit)
            {
                return -1;
            }

            bits = _words[word] ^ inversion;
        }

        int index = (word << 6) + BitOperations.TrailingZeroCount(bits);
        return index < limit ? index : -1;
    }
}
