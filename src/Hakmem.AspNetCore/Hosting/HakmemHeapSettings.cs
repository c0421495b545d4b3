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
    internal bool IsAnythingSet => NamesOfWhatIsSet.Any();

    internal IEnumerable<string> NamesOfWhatIsSet
    {
        get
        {
            (string Name, bool IsSet)[] all =
            [
                (nameof(Prefault), Prefault is not null), (nameof(LazyZero), LazyZero is not null), (nameof(HugePages), HugePages is not null),
                (nameof(MaxBytes), MaxBytes is not null), (nameof(ThreadCacheBytes), ThreadCacheBytes is not null),
                (nameof(SuperSlabCacheCount), SuperSlabCacheCount is not null), (nameof(SuperSlabCacheBytes), SuperSlabCacheBytes is not null),
                (nameof(SuperSlabCacheTtl), SuperSlabCacheTtl is not null), (nameof(PurgeDelay), PurgeDelay is not null),
                (nameof(Hardening), Hardening is not null), (nameof(CaptureStacks), CaptureStacks is not null),
                (nameof(QuarantineBytes), QuarantineBytes is not null), (nameof(GuardedSampleInterval), GuardedSampleInterval is not null),
                (nameof(FaultReports), FaultReports is not null),
            ];
            return all.Where(setting => setting.IsSet).Select(setting => setting.Name);
        }
    }

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
