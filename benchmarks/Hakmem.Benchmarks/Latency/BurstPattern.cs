using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Latency;

/// <summary>
/// Thousands of buffers at once, then all returned, again and again: more than any thread's cache holds, so that what lies behind it is
/// measured, and how its cost is spread over the calls.
/// </summary>
internal sealed class BurstPattern : LatencyPattern
{
    private const int BurstCount = 4096;
    private const uint LeastBytes = 16;
    private const uint SizeCount = 2033;

    public BurstPattern(string name)
        : base(name)
    {
    }

    protected override long Run<T>(long operations)
    {
        T[] burst = new T[BurstCount];
        Xorshift random = NextSequence();
        long done = 0;
        while (done < operations)
        {
            for (int i = 0; i < BurstCount; i++)
            {
                burst[i] = Rent<T>((int)(LeastBytes + random.Below(SizeCount)));
            }

            for (int i = 0; i < BurstCount; i++)
            {
                Return(burst[i]);
            }

            done += 2 * BurstCount;
        }

        return done;
    }
}
