using System.Diagnostics;
using System.Runtime.CompilerServices;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Latency;

/// <summary>
/// A workload that times each call by itself. A rent ends when the buffer's first and last byte are written, so that an allocator that
/// leaves the page faults to its caller does not seem quicker for it.
/// </summary>
internal abstract class LatencyPattern : Workload
{
    private const ulong FirstSeed = 0x5EED;

    private static readonly double s_nanosecondsPerTick = 1e9 / Stopwatch.Frequency;

    private ulong _sequenceCount;

    protected LatencyPattern(string name)
        : base(name)
    {
    }

    /// <summary>What the renting calls took.</summary>
    public LatencyHistogram Rents { get; } = new();

    /// <summary>What the returning calls took.</summary>
    public LatencyHistogram Returns { get; } = new();

    public override WorkloadBody? ForAllocator<T>() => ForBuffer<BlockBuffer<T>>();

    public override WorkloadBody? ForBuffer<T>() => Run<T>;

    /// <summary>Does a number of calls, half of them rents, and leaves nothing rented.</summary>
    protected abstract long Run<T>(long operations)
        where T : struct, IBufferSubject<T>;

    /// <summary>
    /// The random numbers of another run: the first ones of a process warm it up, and what is measured must not repeat
    /// them, or each block would find what the same block had left. All processes have the same.
    /// </summary>
    protected Xorshift NextSequence() => new(FirstSeed + _sequenceCount++);

    /// <summary>Rents, touches and records.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected T Rent<T>(int byteCount)
        where T : struct, IBufferSubject<T>
    {
        long start = Stopwatch.GetTimestamp();
        T buffer = T.Rent(byteCount);
        buffer.Touch(byteCount);
        Record(Rents, start);
        return buffer;
    }

    /// <summary>Returns and records.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected void Return<T>(T buffer)
        where T : struct, IBufferSubject<T>
    {
        long start = Stopwatch.GetTimestamp();
        buffer.Return();
        Record(Returns, start);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Record(LatencyHistogram histogram, long start) =>
        histogram.Record((long)((Stopwatch.GetTimestamp() - start) * s_nanosecondsPerTick));
}
