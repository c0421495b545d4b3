using System.Numerics;

namespace Hakmem.Pages;

// Arithmetic on the 32 units of a SuperSlab as bits of a word.
internal static class UnitMask
{
    public const uint All = uint.MaxValue;

    // Units first .. first + count - 1, where count is 1 .. 32.
    public static uint Of(int first, int count) => (All >> (32 - count)) << first;

    // The length of the longest run of set bits.
    public static int LongestRun(uint mask)
    {
        int length = 0;
        while (mask != 0)
        {
            mask &= mask << 1;
            length++;
        }

        return length;
    }

    // The first bit of the lowest run of at least count set bits; there must be one.
    public static int FindRun(uint mask, int count)
    {
        // A bit stays set only if its upper neighbour is: each turn shortens every run by one from above.
        for (int i = 1; i < count; i++)
        {
            mask &= mask >> 1;
        }

        return BitOperations.TrailingZeroCount(mask);
    }
}
