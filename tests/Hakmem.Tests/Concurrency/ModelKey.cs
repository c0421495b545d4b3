using System;

namespace Hakmem.Tests.Concurrency;

// A state's fingerprint: two independent 64-bit hashes, so that two of a few million states share one with a chance below 10^-24.
internal struct ModelKey
{
    private ulong _low;
    private ulong _high;

    public readonly UInt128 Value => new(_high, _low);

    public void Add(int value)
    {
        _low = (ulong.RotateLeft(_low, 23) ^ ((uint)value + 0x632BE59BD9B4E019UL)) * 0x9E3779B97F4A7C15UL;
        _high = (ulong.RotateLeft(_high, 41) ^ ((uint)value + 0xD6E8FEB86659FD93UL)) * 0xC2B2AE3D27D4EB4FUL;
    }

    // A view, counted from where somebody may still read.
    public void AddView(ReadOnlySpan<int> view, ReadOnlySpan<int> floor)
    {
        Add(view.Length);
        for (int cell = 0; cell < view.Length; cell++)
        {
            Add(Math.Max(0, view[cell] - floor[cell]));
        }
    }
}
