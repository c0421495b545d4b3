using System.Collections.Generic;
using System.Diagnostics;

namespace Hakmem;

/// <summary>
/// What a service sets of Hakmem, from code or from the configuration section <c>Hakmem</c>. Checked when the host
/// starts. Not thread-safe.
/// </summary>
[DebuggerDisplay("Isolated = {Isolated}")]
public sealed class HakmemServiceOptions
{
    /// <summary>The configuration section that these are read from.</summary>
    public const string SectionName = "Hakmem";

    /// <summary>
    /// Whether the service gets a heap of its own, which is disposed with the container if every block was freed by
    /// then, and otherwise stays in place, with a warning in the log. False by default:
    /// <see cref="HakmemAllocator.Shared"/>. Decided when <c>AddHakmem</c> is called.
    /// </summary>
    public bool Isolated { get; set; }

    /// <summary>
    /// Whether <c>AddHakmem</c> publishes the figures of the heap and of the pool when the host starts, by
    /// <see cref="HakmemMetrics"/>, as <c>hakmem.heap</c> and <c>hakmem.pool</c> with the name of
    /// <see cref="MetricsName"/>. True by default. They cost nothing until a listener collects.
    /// </summary>
    public bool Metrics { get; set; } = true;

    /// <summary>
    /// The name of the heap and of the pool in metrics; by default <c>shared</c> for
    /// <see cref="HakmemAllocator.Shared"/> and <c>service</c> for any other heap. Each host of a process needs a name
    /// of its own; otherwise listeners get measurements with equal attributes.
    /// </summary>
    public string? MetricsName { get; set; }

    /// <summary>How the service's own heap behaves; for an isolated heap only. Section <c>Hakmem:Heap</c>.</summary>
    public HakmemHeapSettings Heap { get; } = new();

    /// <summary>How the <see cref="NativeMemoryPool"/> behaves. Section <c>Hakmem:Pool</c>.</summary>
    public HakmemPoolSettings Pool { get; } = new();

    /// <summary>
    /// How Kestrel's pool behaves, if <c>UseHakmemForKestrel</c> has been called. Section <c>Hakmem:Kestrel</c>. Here
    /// <see cref="PinnedMemoryPoolOptions.RecycleOwners"/> is on by default, since Kestrel disposes each owner once.
    /// </summary>
    public PinnedMemoryPoolOptions Kestrel { get; } = new() { RecycleOwners = true };

    // What was wrong with the configuration, for the validator.
    internal List<string> ConfigurationFindings { get; } = [];
}
