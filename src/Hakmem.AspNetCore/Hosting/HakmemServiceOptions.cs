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

    /// <summary>How the service's own heap behaves; for an isolated heap only. Section <c>Hakmem:Heap</c>.</summary>
    public HakmemHeapSettings Heap { get; } = new();

    /// <summary>How the <see cref="NativeMemoryPool"/> behaves. Section <c>Hakmem:Pool</c>.</summary>
    public HakmemPoolSettings Pool { get; } = new();

    /// <summary>
    /// How Kestrel's pool behaves, if <c>UseHakmemForKestrel</c> has been called. Section <c>Hakmem:Kestrel</c>. Here
    /// <see cref="PinnedMemoryPoolOptions.RecycleOwners"/> is on by default, since Kestrel disposes each owner once.
    /// </summary>
    public PinnedMemoryPoolOptions Kestrel { get; } = new() { RecycleOwners = true };
}
