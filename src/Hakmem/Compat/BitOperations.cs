using System.Runtime.CompilerServices;

namespace Hakmem.Compat;

// Stands in for System.Numerics.BitOperations, by arithmetic without special processor instructions. (Knuth, TAOCP 4A,
// 7.1.3; Leiserson, Prokop, Randall: "Using de Bruijn Sequences to Index a 1 in a Computer Word".)
internal static class BitOperations
{
    // De Bruijn factors: the top six bits of the product with TrailingFactor differ for every power of two, the top
    // five of that with LogFactor for every 2^n - 1.
    private const uint LogFactor = 0x07C4ACDD;
    private const ulong TrailingFactor = 0x03F79D71B4CB0A89;

    private static readonly byte[] s_log2 = CreateLog2();
    private static readonly byte[] s_trailing = CreateTrailing();

    public static bool IsPow2(nuint value) => (value & (value - 1)) == 0 && value != 0;

    public static bool IsPow2(int value) => (value & (value - 1)) == 0 && value > 0;

    // Returns zero for zero, as the framework does.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Log2(uint value)
    {
        value |= value >> 1;
        value |= value >> 2;
        value |= value >> 4;
        value |= value >> 8;
        value |= value >> 16;
        return s_log2[(value * LogFactor) >> 27];
    }

    public static int Log2(ulong value) => value >> 32 == 0 ? Log2((uint)value) : 32 + Log2((uint)(value >> 32));

    public static int Log2(nuint value) => Log2((ulong)value);

    public static int LeadingZeroCount(uint value) => value == 0 ? 32 : 31 - Log2(value);

    // Returns the width of the type for zero, as the framework does.
    public static int TrailingZeroCount(uint value) => value == 0 ? 32 : TrailingZeroCount((ulong)value);

    public static int TrailingZeroCount(int value) => TrailingZeroCount((uint)value);

    public static int TrailingZeroCount(ulong value) =>
        value == 0 ? 64 : s_trailing[(value & (0 - value)) * TrailingFactor >> 58];

    public static int PopCount(uint value) => PopCount((ulong)value);

    public static int PopCount(ulong value)
    {
        value -= (value >> 1) & 0x5555555555555555;
        value = (value & 0x3333333333333333) + ((value >> 2) & 0x3333333333333333);
        value = (value + (value >> 4)) & 0x0F0F0F0F0F0F0F0F;
        return (int)((value * 0x0101010101010101) >> 56);
    }

    // Returns zero if the result does not fit, as the framework does.
    public static ulong RoundUpToPowerOf2(ulong value) =>
        value <= 1 ? value : value > 1UL << 63 ? 0 : 1UL << (Log2(value - 1) + 1);

    public static uint RotateLeft(uint value, int offset) => (value << offset) | (value >> (32 - offset));

    public static ulong RotateLeft(ulong value, int offset) => (value << offset) | (value >> (64 - offset));
    public static ulong RotateRight(ulong value, int offset) => (value >> offset) | (value << (64 - offset));

    private static byte[] CreateLog2()
    {
        byte[] table = new byte[32];
        for (int bit = 0; bit < table.Length; bit++)
        {
            table[(uint)((2UL << bit) - 1) * LogFactor >> 27] = (byte)bit;
        }

        return table;
    }

    private static byte[] CreateTrailing()
    {
        byte[] table = new byte[64];
        for (int bit = 0; bit < table.Length; bit++)
        {
            table[(1UL << bit) * TrailingFactor >> 58] = (byte)bit;
        }

        return table;
    }
}
