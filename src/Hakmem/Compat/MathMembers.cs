using System;

namespace Hakmem.Compat;

// Static members that the class has got since netstandard2.0.
internal static class MathMembers
{
    extension(Math)
    {
        public static int Clamp(int value, int min, int max) => Math.Min(Math.Max(value, min), max);

        public static long Clamp(long value, long min, long max) => Math.Min(Math.Max(value, min), max);

        // The 128-bit product: its high half, and low its low half. Schoolbook multiplication in 32-bit digits.
        public static ulong BigMul(ulong a, ulong b, out ulong low)
        {
            ulong lowLow = (a & uint.MaxValue) * (b & uint.MaxValue);
            ulong highLow = ((a >> 32) * (b & uint.MaxValue)) + (lowLow >> 32);
            ulong lowHigh = ((a & uint.MaxValue) * (b >> 32)) + (highLow & uint.MaxValue);
            low = (lowHigh << 32) | (lowLow & uint.MaxValue);
            return ((a >> 32) * (b >> 32)) + (highLow >> 32) + (lowHigh >> 32);
        }
    }
}
