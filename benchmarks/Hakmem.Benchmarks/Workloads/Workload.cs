using System;
using System.IO;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// A pattern of allocation, free of any allocator. Derived classes override the shapes they have; each override closes the
/// workload's generic loop over one subject, so the choice is made once and nothing is dispatched inside the timing.
/// </summary>
internal abstract class Workload
{
    protected Workload(string name)
    {
        Name = name;
    }

    /// <summary>The row's name.</summary>
    public string Name { get; }

    /// <summary>What happens, in a line.</summary>
    public required string Definition { get; init; }

    /// <summary>What the row exposes in an allocator.</summary>
    public required string Exposes { get; init; }

    /// <summary>What one operation is: the unit of every figure.</summary>
    public required string Operation { get; init; }

    /// <summary>Operations in one timed round, unless a slow subject would take too long over them.</summary>
    public required long Operations { get; init; }

    /// <summary>The fewest operations at which the workload is still itself.</summary>
    public long MinimumOperations { get; init; } = 1;

    /// <summary>
    /// Whether a process runs it once, with nothing warmed and nothing repeated: what is measured includes compiling the
    /// allocator's code and faulting in its first pages, or the trace that a known amount of work leaves in memory.
    /// </summary>
    public bool RunsOnce { get; init; }

    /// <summary>The workload over an allocator of blocks, or null when it has no such shape.</summary>
    public virtual WorkloadBody? ForAllocator<T>()
        where T : struct, IAllocatorSubject => null;

    /// <summary>The workload over rentals of buffers, or null when it has no such shape.</summary>
    public virtual WorkloadBody? ForBuffer<T>()
        where T : struct, IBufferSubject<T> => null;

    /// <summary>The workload over <see cref="NativeBuffer{T}"/> in nested scopes, or null when it has no such shape.</summary>
    public virtual WorkloadBody? ForScopedBuffer() => null;

    /// <summary>The workload over streams in memory, or null when it has no such shape.</summary>
    /// <param name="create">Makes an empty stream.</param>
    public virtual WorkloadBody? ForStream(Func<Stream> create) => null;
}
