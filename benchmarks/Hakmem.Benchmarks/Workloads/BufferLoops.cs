using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>The loops of a workload that has several buffers out at once. Implemented by structs, so that the compiler
/// compiles each workload's loops by themselves, as if they were written into it.</summary>
internal interface IBufferLoops
{
    /// <summary>Rents every buffer of an array, then returns them in the same order, and so on.</summary>
    static abstract void Run<T>(T[] buffers, int byteCount, long laps)
        where T : struct, IBufferSubject<T>;
}

/// <summary>Several buffers of one size out at once, rented and returned in turn.</summary>
/// <typeparam name="TLoops">The form of the loops.</typeparam>
internal abstract class BuffersWorkload<TLoops> : Workload
    where TLoops : struct, IBufferLoops
{
    /// <summary>Describes the rental pattern.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="bufferBytes">The size of a buffer.</param>
    /// <param name="outCount">How many are out at once.</param>
    protected BuffersWorkload(string name, int bufferBytes, int outCount)
        : base(name)
    {
        BufferBytes = bufferBytes;
        OutCount = outCount;
    }

    protected int BufferBytes { get; }

    protected int OutCount { get; }

    public override WorkloadBody? ForAllocator<T>() => ForBuffer<BlockBuffer<T>>();

    public override WorkloadBody? ForBuffer<T>() => operations =>
    {
        long laps = LapsFor(operations);
        TLoops.Run(new T[OutCount], BufferBytes, laps);
        return laps * OutCount;
    };

    /// <summary>How often all buffers are rented for at least so many rentals.</summary>
    protected long LapsFor(long operations) => (operations + OutCount - 1) / OutCount;
}
