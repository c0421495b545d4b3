namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>Whose code an instruction is.</summary>
internal enum CodePlace
{
    /// <summary>The allocator's, its inlined fast paths included.</summary>
    Allocator,

    /// <summary>The workload's own loop.</summary>
    Loop,

    /// <summary>The .NET runtime, its libraries, its JIT compiler, the C library.</summary>
    Runtime,

    /// <summary>The kernel, filling pages with zeros.</summary>
    PageClearing,

    /// <summary>The kernel, all else.</summary>
    Kernel,
}
