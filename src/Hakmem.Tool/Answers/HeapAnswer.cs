using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Commands;

namespace Hakmem.Tool.Answers;

// The answers, as the library writes them: src/Hakmem/Inspection. Members that a library leaves out keep their
// defaults.

internal sealed record StatisticsAnswer
{
    public int Protocol { get; init; }

    public string Library { get; init; } = "";

    public int ProcessId { get; init; }

    public bool IsSupported { get; init; }

    public IReadOnlyList<HeapAnswer> Heaps { get; init; } = [];
}

// One heap. Without figures if it was disposed meanwhile.
internal sealed record HeapAnswer
{
    public int Slot { get; init; }

    public string Name { get; init; } = "";

    public bool IsFallback { get; init; }

    public long LiveBytes { get; init; }

    public long LiveBlocks { get; init; }

    public long CachedBytes { get; init; }

    public long CommittedBytes { get; init; }

    public long PeakCommittedBytes { get; init; }

    public long LimitBytes { get; init; }

    public long ReservedBytes { get; init; }

    public long DirtyBytes { get; init; }

    // Null if the system does not say, and from libraries that do not ask it.
    public long? ResidentBytes { get; init; }

    public long RecordBytes { get; init; }

    public long TableBytes { get; init; }

    public long PurgedBytes { get; init; }

    public long PurgeCalls { get; init; }

    public long SystemCalls { get; init; }

    public double SystemCallTimeMs { get; init; }

    public long DepotExchanges { get; init; }

    public long DepotWaits { get; init; }

    public long CorruptionReports { get; init; }

    // The next five are zero from libraries that do not have them.
    public long SampledBlocks { get; init; }

    public long AllocatedBlocks { get; init; }

    public long AllocatedBytes { get; init; }

    public long FreedBlocks { get; init; }

    public long FreedBytes { get; init; }

    public long ReapedBlocks { get; init; }

    public long RefusedAllocations { get; init; }

    public long FailedDecayPasses { get; init; }

    public long FailedCallbacks { get; init; }

    public int SuperSlabsInUse { get; init; }

    public int SuperSlabsCached { get; init; }

    public int ThreadCaches { get; init; }

    public string LastDecayFailure { get; init; } = "";

    public string LastCallbackFailure { get; init; } = "";

    public IReadOnlyList<TagAnswer> Tags { get; init; } = [];

    public IReadOnlyList<ClassAnswer> SizeClasses { get; init; } = [];

    // Live bytes as a share of those that may have physical pages; null if there are none.
    public double? LiveOverDirty => DirtyBytes > 0 ? (double)LiveBytes / DirtyBytes : null;
}

internal sealed record TagAnswer(string Path, long LiveBytes, long PeakBytes, long RefusedCount);

internal sealed record ClassAnswer(
    long BlockBytes, long LiveBlocks, long CachedBlocks, int Spans, long SpanBytes, long DirtyBytes)
{
    public long LiveBytes => LiveBlocks * BlockBytes;

    public double? LiveOverDirty => DirtyBytes > 0 ? (double)LiveBytes / DirtyBytes : null;
}

internal static class AnswerReader
{
    public static T Read<T>(JsonElement answer)
    {
        try
        {
            return answer.Deserialize<T>(CommandBase.JsonLine) ?? throw new JsonException("The answer is null.");
        }
        catch (JsonException failure)
        {
            throw new ToolException(ToolError.NoAnswer, $"The answer cannot be read: {failure.Message}");
        }
    }

    public static long Sum(this StatisticsAnswer answer, System.Func<HeapAnswer, long> figure) =>
        answer.Heaps.Sum(figure);
}
