using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Latency;

/// <summary>
/// A table of slots visited at random: a full one is returned, an empty one gets a buffer of random size, each doubling as likely as any other.
/// </summary>
internal sealed class MixedPattern : LatencyPattern
{
    private const int SlotCount = 256;

    private readonly int _leastShift;
    private readonly uint _doublings;

    /// <summary>Describes the pattern.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="leastShift">The smallest size's power of two.</param>
    /// <param name="mostShift">The largest size's power of two.</param>
    public MixedPattern(string name, int leastShift, int mostShift)
        : base(name)
    {
        _leastShift = leastShift;
        _doublings = (uint)(mostShift - leastShift);
    }

    protected override long Run<T>(long operations)
    {
        T[] slots = new T[SlotCount];
        bool[] isFull = new bool[SlotCount];
        Xorshift random = NextSequence();
        for (long i = 0; i < operations; i++)
        {
            uint slot = random.Below(SlotCount);
            if (isFull[slot])
            {
                Return(slots[slot]);
            }
            else
            {
                int least = 1 << (_leastShift + (int)random.Below(_doublings));
                slots[slot] = Rent<T>(least + (int)random.Below((uint)least));
            }

            isFull[slot] = !isFull[slot];
        }

        for (int slot = 0; slot < SlotCount; slot++)
        {
            if (isFull[slot])
            {
                slots[slot].Return();
            }
        }

        return operations;
    }
}
