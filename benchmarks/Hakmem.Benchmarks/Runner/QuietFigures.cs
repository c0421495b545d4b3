using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Benchmarks.Runner;

/// <summary>What live blocks kept resident where a traced program paused.</summary>
internal sealed record QuietFigures
{
    /// <summary>Each pause; at least one.</summary>
    public required IReadOnlyList<TailFigures> Points { get; init; }

    /// <summary>The mean over all pauses of the resident bytes for a live one.</summary>
    public double MeanResidentOverLive => Points.Average(point => point.ResidentOverLive);

    /// <summary>The pause with the most resident bytes for a live one.</summary>
    public TailFigures Worst => Points.MaxBy(point => point.ResidentOverLive)!;

    /// <summary>The most live bytes of any pause.</summary>
    public long MaximumLiveBytes => Points.Max(point => point.LiveBytes);
}
