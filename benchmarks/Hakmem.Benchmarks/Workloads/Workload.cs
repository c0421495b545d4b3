using System;
using System.IO;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// A pattern of allocation, free of any allocator. Derived classes override the shapes they have; each override closes the
/// workload's generic loop over one subject, so the choice is made once and nothing is dispatched inside the timing.
/// </summary>
internal abstract class Workload
{
    private long _operations;
    private long _minimumOperations = 1;

    /// <summary>Describes a pattern.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="workerCount">The threads that work at once, if they all do the same.</param>
    protected Workload(string name, int workerCount = 1)
    {
        Name = name;
        WorkerCount = workerCount;
    }

    /// <summary>The row's name.</summary>
    public string Name { get; }

    /// <summary>What happens, in a line.</summary>
    public required string Definition { get; init; }

    /// <summary>What the row exposes in an allocator.</summary>
    public required string Exposes { get; init; }

    /// <summary>What one operation is: the unit of every figure.</summary>
    public required string Operation { get; init; }

    /// <summary>
    /// The threads that work at once. It is 1 also where the number of threads is part of the pattern because they do
    /// not all do the same.
    /// </summary>
    public int WorkerCount { get; private set; }

    /// <summary>
    /// Operations of all workers in one timed round, unless a slow subject would take too long over them.
    /// </summary>
    public required long Operations
    {
        get => _operations;
        init => _operations = value;
    }

    /// <summary>The fewest operations of all workers at which the workload is still itself.</summary>
    public long MinimumOperations
    {
        get => _minimumOperations;
        init => _minimumOperations = value;
    }

    /// <summary>
    /// Whether a process runs it once, with nothing warmed and nothing repeated: what is measured includes compiling the
    /// allocator's code and faulting in its first pages, or the trace that a known amount of work leaves in memory.
    /// </summary>
    public bool RunsOnce { get; init; }

    /// <summary>The time so far in which the workload only waited: no part of what a round takes.</summary>
    public virtual TimeSpan Paused => TimeSpan.Zero;

    /// <summary>What its live blocks kept resident, of a workload that measures this; else null.</summary>
    public virtual TailFigures? Tail => null;

    /// <summary>
    /// What its live blocks kept where a traced program paused, of a workload that replays one; else null.
    /// </summary>
    public virtual QuietFigures? Quiet => null;

    /// <summary>
    /// The most bytes that were resident, of a workload that knows better than the process's whole life when to look;
    /// else null.
    /// </summary>
    public virtual long? OwnPeakResidentBytes => null;

    /// <summary>
    /// Reads what the workload needs, in the measuring process and before anything is measured: a catalog's workloads
    /// are created in every process.
    /// </summary>
    public virtual void Prepare()
    {
    }

    /// <summary>
    /// The workload with one worker, which does what each of the others did: what a speed-up is measured against.
    /// </summary>
    /// <returns>A workload of the same name, or null where there are no more workers than one.</returns>
    public Workload? WithOneWorker() => WorkerCount == 1 ? null : WithWorkers(1);

    /// <summary>
    /// The workload with some number of workers, each of which does what each of the others did. Not for workloads that
    /// divide a fixed amount of work between their workers.
    /// </summary>
    /// <param name="workerCount">The threads that work at once.</param>
    public Workload WithWorkers(int workerCount)
    {
        var other = (Workload)MemberwiseClone();
        other._operations = OperationsOfOneWorker(_operations) * workerCount;
        other._minimumOperations = OperationsOfOneWorker(_minimumOperations) * workerCount;
        other.WorkerCount = workerCount;
        return other;
    }

    /// <summary>The workload over an allocator of blocks, or null when it has no such shape.</summary>
    public virtual WorkloadBody? ForAllocator<T>()
        where T : struct, IAllocatorSubject => null;

    /// <summary>The workload over rentals of buffers, or null when it has no such shape.</summary>
    public virtual WorkloadBody? ForBuffer<T>()
        where T : struct, IBufferSubject<T> => null;

    /// <summary>The workload over <see cref="NativeBuffer{T}"/> in nested scopes, or null when it has no such shape.</summary>
    public virtual WorkloadBody? ForScopedBuffer() => null;

    /// <summary>The workload over a <see cref="MemoryRegion"/>, or null when it has no such shape.</summary>
    public virtual WorkloadBody? ForRegion() => null;

    /// <summary>The workload over buffers that are waited for, or null when it has no such shape.</summary>
    /// <param name="create">Makes a queue with room for <see cref="RentAsyncWorkload.MaxBuffers"/> buffers.</param>
    public virtual WorkloadBody? ForQueue(Func<IBufferQueue> create) => null;

    /// <summary>The workload over streams in memory, or null when it has no such shape.</summary>
    /// <param name="create">Makes an empty stream.</param>
    public virtual WorkloadBody? ForStream(Func<Stream> create) => null;

    /// <summary>How many of all workers' operations one worker does when it is alone.</summary>
    /// <param name="operations">The operations of all workers.</param>
    protected virtual long OperationsOfOneWorker(long operations) => Math.Max(1, operations / WorkerCount);

    /// <summary>The operations of each worker, for at least so many of all.</summary>
    protected long OperationsPerWorker(long operations) => (operations + WorkerCount - 1) / WorkerCount;
}
