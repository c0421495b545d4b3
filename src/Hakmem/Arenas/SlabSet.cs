using System;
using System.Numerics;

namespace Hakmem.Arenas;

// A set of SuperSlab indexes that finds runs: a bitmap that grows as indexes are added. Not thread-safe: each belongs to a lock.
internal sealed class SlabSet
{
    private ulong[] _words = new ulong[1];

    public int Count { get; private set; }

    // One more than the largest index that could be in the set.
    public int Limit => _words.Length * 64;

    public bool Contains(int index) => index < Limit && (_words[index >> 6] & (1UL << index)) != 0;

    public void Add(int first, int count)
    {
        int words = (first + count + 63) >> 6;
        if (words > _words.Length)
        {
            var grown = new ulong[Math.Max(words, _words.Length * 2)];
            Array.Copy(_words, grown, _words.Length);
            _words = grown;
        }

        for (int index = first; index < first + count; index++)
        {
            _words[index >> 6] |= 1UL << index;
        }

        Count += count;
    }

    public void Remove(int first, int count)
    {
        for (int index = first; index < first + count; index++)
        {
            _words[index >> 6] &= ~(1UL << index);
        }

        Count -= count;
    }

    // How many of these indexes are in the set.
    public int CountIn(int first, int count)
    {
        int members = 0;
        for (int index = first; index < first + count; index++)
        {
            members += Contains(index) ? 1 : 0;
        }

        return members;
    }

    public void Clear()
    {
        Array.Clear(_words);
        Count = 0;
    }

    // The first member at or after an index, or -1.
    public int NextMember(int from) => Next(from, 0, Limit);

    // The first index at or after one, below a limit, that is not a member; the limit if there is none.
    public int NextGap(int from, int limit)
    {
        int gap = Next(from, ulong.MaxValue, Math.Min(limit, Limit));
        return gap >= 0 ? gap : Math.Min(limit, Math.Max(from, Limit));
    }

    // The lowest run of members of the given length whose first index plus a phase is a multiple of the alignment; -1 if there is none.
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

    // The same for indexes below a limit that are not members.
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
