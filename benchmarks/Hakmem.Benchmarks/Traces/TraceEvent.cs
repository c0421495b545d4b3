namespace Hakmem.Benchmarks.Traces;

/// <summary>What a program did to a block. The numbers are those of the file.</summary>
internal enum TraceEventKind : byte
{
    /// <summary>Allocated it.</summary>
    Allocate = 0,

    /// <summary>Allocated it, all zero.</summary>
    AllocateZeroed = 1,

    /// <summary>Gave it another size.</summary>
    Resize = 2,

    /// <summary>Freed it.</summary>
    Free = 3,
}

/// <summary>One event of a trace.</summary>
/// <param name="Kind">What was done.</param>
/// <param name="Thread">The thread that did it: threads are numbered as they first appear.</param>
/// <param name="Block">The block: blocks are numbered as they are allocated, and no number is used again.</param>
/// <param name="ByteCount">The size in bytes that was asked for; zero where a block is freed.</param>
/// <param name="Microseconds">When, since the trace began.</param>
internal readonly record struct TraceEvent(
    TraceEventKind Kind, int Thread, int Block, long ByteCount, long Microseconds)
{
    /// <summary>Whether the block begins with it.</summary>
    public bool IsAllocation => Kind is TraceEventKind.Allocate or TraceEventKind.AllocateZeroed;
}
