using System.Runtime.CompilerServices;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Marsaglia's 64-bit xorshift: three shifts, so that the random numbers stay cheap beside the allocator, and the same
/// sequence for every subject.
/// </summary>
internal struct Xorshift
{
    private ulong _state;

    public Xorshift(ulong seed)
    {
        // Zero is the generator's fixed point; the odd constant spreads neighbouring seeds.
        _state = (seed + 1) * 0x9E3779B97F4A7C15;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Next()
    {
        ulong x = _state;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        _state = x;
        return x;
    }

    /// <summary>A number from 0 to <paramref name="count"/> - 1, by multiplication: some allocations are cheaper than a division.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Below(uint count) => Scale(Next(), count);

    /// <summary>Maps a drawn number's upper half onto 0 to <paramref name="count"/> - 1; its lower half is left for another use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Scale(ulong drawn, uint count) => (uint)(((drawn >> 32) * count) >> 32);
}
