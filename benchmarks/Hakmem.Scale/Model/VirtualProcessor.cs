namespace Hakmem.Scale.Model;

/// <summary>A processor's clock.</summary>
internal sealed class VirtualProcessor(int number)
{
    public int Number => number;

    /// <summary>Nanoseconds.</summary>
    public double Clock { get; set; }
}
