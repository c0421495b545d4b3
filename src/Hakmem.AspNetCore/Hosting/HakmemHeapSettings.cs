using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem;

/// <summary>
/// The values of <see cref="HakmemOptions"/> in a form that configuration can set. What is null is left to the AppContext setting, the
/// environment variable and the default, in this order. Not thread-safe.
/// </summary>
public sealed class HakmemHeapSettings
{
    /// <summary>See <see cref="HakmemOptions.Prefault"/>.</summary>
    public PrefaultMode? Prefault { get; set; }

    /// <summary>See <see cref="HakmemOptions.LazyZero"/>.</summary>
    public LazyZeroMode? LazyZero { get; set; }

    /// <summary>See <see cref="HakmemOptions.HugePages"/>.</summary>
    public HugePageMode? HugePages { get; set; }

    /// <summary>In bytes; see <see cref="HakmemOptions.MaxBytes"/>.</summary>
    public long? MaxBytes { get; set; }

    /// <summary>In bytes; see <see cref="HakmemOptions.ThreadCacheBytes"/>.</summary>
    public long? ThreadCacheBytes { get; set; }

    /// <summary>See <see cref="HakmemOptions.SuperSlabCacheCount"/>.</summary>
    public int? SuperSlabCacheCount { get; set; }

    /// <summary>In bytes; see <see cref="HakmemOptions.SuperSlabCacheBytes"/>.</summary>
    public long? SuperSlabCacheBytes { get; set; }

    /// <summary>See <see cref="HakmemOptions.SuperSlabCacheTtl"/>.</summary>
    public TimeSpan? SuperSlabCacheTtl { get; set; }

    /// <summary>See <see cref="HakmemOptions.PurgeDelay"/>.</summary>
    public TimeSpan? PurgeDelay { get; set; }

    /// <summary>See <see cref="HakmemOptions.Hardening"/>.</summary>
    public HardeningLevel? Hardening { get; set; }

    /// <summary>See <see cref="HakmemOptions.CaptureStacks"/>.</summary>
    public bool? CaptureStacks { get; set; }

    /// <summary>In bytes; see <see cref="HakmemOptions.QuarantineBytes"/>.</summary>
    public long? QuarantineBytes { get; set; }

    /// <summary>See <see cref="HakmemOptions.GuardedSampleInterval"/>.</summary>
    public int? GuardedSampleInterval { get; set; }

    /// <summary>See <see cref="HakmemOptions.FaultReports"/>.</summary>
    public bool? FaultReports { get; set; }

    // Whether there is anything that the shared heap would silently not do.
    internal bool IsAnythingSet => ConfiguredKeys.Any();

    internal IEnumerable<string> ConfiguredKeys => All.Where(setting => setting.Value is not null).Select(setting => setting.Name);

    private (string Name, object? Value)[] All =>
    [
        (nameof(Prefault), Prefault), (nameof(LazyZero), LazyZero), (nameof(HugePages), HugePages),
        (nameof(MaxBytes), MaxBytes), (nameof(ThreadCacheBytes), ThreadCacheBytes),
        (nameof(SuperSlabCacheCount), SuperSlabCacheCount),
        (nameof(SuperSlabCacheBytes), SuperSlabCacheBytes), (nameof(SuperSlabCacheTtl), SuperSlabCacheTtl),
        (nameof(PurgeDelay), PurgeDelay), (nameof(Hardening), Hardening),
        (nameof(CaptureStacks), CaptureStacks), (nameof(QuarantineBytes), QuarantineBytes),
        (nameof(GuardedSampleInterval), GuardedSampleInterval), (nameof(FaultReports), FaultReports),
    ];

    // The value of the property with this name; null where it is not set, or there is none such.
    internal object? ValueOf(string? name) => All.FirstOrDefault(setting => setting.Name == name).Value;

    internal HakmemOptions ToHeapOptions()
    {
        HakmemOptions options = new();
        options = Prefault is { } prefault ? options with { Prefault = prefault } : options;
        options = LazyZero is { } lazyZero ? options with { LazyZero = lazyZero } : options;
        options = HugePages is { } hugePages ? options with { HugePages = hugePages } : options;
        options = MaxBytes is { } maxBytes ? options with { MaxBytes = maxBytes } : options;
        options = ThreadCacheBytes is { } threadCacheBytes ? options with { ThreadCacheBytes = threadCacheBytes } : options;
        options = SuperSlabCacheCount is { } count ? options with { SuperSlabCacheCount = count } : options;
        options = SuperSlabCacheBytes is { } bytes ? options with { SuperSlabCacheBytes = bytes } : options;
        options = SuperSlabCacheTtl is { } ttl ? options with { SuperSlabCacheTtl = ttl } : options;
        options = PurgeDelay is { } delay ? options with { PurgeDelay = delay } : options;
        options = Hardening is { } hardening ? options with { Hardening = hardening } : options;
        options = CaptureStacks is { } stacks ? options with { CaptureStacks = stacks } : options;
        options = QuarantineBytes is { } quarantine ? options with { QuarantineBytes = quarantine } : options;
        options = GuardedSampleInterval is { } interval ? options with { GuardedSampleInterval = interval } : options;
        return FaultReports is { } reports ? options with { FaultReports = reports } : options;
    }
}
