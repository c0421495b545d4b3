using System;

namespace Hakmem.Compat;

// Members of Math, nint and nuint that netstandard2.0 lacks.
internal static class NumberMembers
{
    extension(Math)
    {
        public static int Clamp(int value, int min, int max) => Math.Min(Math.Max(value, min), max);

        public static long Clamp(long value, long min, long max) => Math.Min(Math.Max(value, min), max);

        // Returns the high half of the 128-bit product; low is its low half. Long multiplication in 32-bit digits.
        public static ulong BigMul(ulong a, ulong b, out ulong low)
        {
            ulong lowLow = (a & uint.MaxValue) * (b & uint.MaxValue);
            ulong highLow = ((a >> 32) * (b & uint.MaxValue)) + (lowLow >> 32);
            ulong lowHigh = ((a & uint.MaxValue) * (b >> 32)) + (highLow & uint.MaxValue);
            low = (lowHigh << 32) | (lowLow & uint.MaxValue);
            return ((a >> 32) * (b >> 32)) + (highLow >> 32) + (lowHigh >> 32);
        }
    }

    extension(nint)
    {
        public static unsafe int Size => sizeof(nint);
    }

    extension(nuint)
    {
        public static nuint MaxValue => unchecked((nuint)(-1L));

        public static nuint Max(nuint x, nuint y) => x > y ? x : y;

        public static nuint Min(nuint x, nuint y) => x < y ? x : y;
    }
}
