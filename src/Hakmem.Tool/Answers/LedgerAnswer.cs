using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Serialization;

namespace Hakmem.Tool.Answers;

internal sealed record LedgerAnswer
{
    public LedgerReport Report { get; init; } = new();
}

// NativeMemoryReport, as its ToJson writes it.
internal sealed record LedgerReport
{
    public DateTimeOffset CapturedAt { get; init; }

    public long ResidentBytes { get; init; }

    public long AttributedBytes { get; init; }

    public double AttributedShare { get; init; }

    public IReadOnlyList<LedgerRow> Rows { get; init; } = [];

    // Whether each member is there, and can be a size: JSON may lack any.
    [JsonIgnore]
    public bool IsWhole => IsSize(ResidentBytes) && Rows is not null && Rows.All(row =>
        row is { Kind: not null, Name: not null, Source: not null, Parts: not null } && IsSize(row.ResidentBytes) &&
        row.Parts.All(part => part is { Name: not null }));

    // More than a machine can address would overflow sums.
    private static bool IsSize(long bytes) => bytes is >= -(1L << 57) and <= 1L << 57;
}

internal sealed record LedgerRow(
    string Kind, string Name, long ResidentBytes, string Source, IReadOnlyList<LedgerPart> Parts);

internal sealed record LedgerPart(string Name, long Bytes);

// What has grown between two reports: the row that grew most first.
internal sealed record LedgerGrowth(double Seconds, long Bytes, long ResidentBytes, IReadOnlyList<LedgerGrowthRow> Rows)
{
    public static LedgerGrowth Between(LedgerReport before, LedgerReport after)
    {
        Dictionary<string, LedgerRow> earlier = before.Rows.ToDictionary(row => row.Kind);
        HashSet<string> still = [.. after.Rows.Select(row => row.Kind)];
        IEnumerable<LedgerGrowthRow> rows = after.Rows.Select(row => new LedgerGrowthRow(
            row.Kind, row.Name, row.ResidentBytes - (earlier.GetValueOrDefault(row.Kind)?.ResidentBytes ?? 0),
            row.ResidentBytes));
        IEnumerable<LedgerGrowthRow> gone = before.Rows.Where(row => !still.Contains(row.Kind))
            .Select(row => new LedgerGrowthRow(row.Kind, row.Name, -row.ResidentBytes, 0));
        return new LedgerGrowth(
            (after.CapturedAt - before.CapturedAt).TotalSeconds, after.ResidentBytes - before.ResidentBytes,
            after.ResidentBytes, [.. rows.Concat(gone).OrderByDescending(row => row.Bytes)]);
    }
}

internal sealed record LedgerGrowthRow(string Kind, string Name, long Bytes, long ResidentBytes);
