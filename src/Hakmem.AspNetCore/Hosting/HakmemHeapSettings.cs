using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Reflection;

namespace Hakmem;

/// <summary>
/// The values of <see cref="HakmemOptions"/> in a form that configuration can set. What is null is left to the
/// AppContext setting, the environment variable and the default, in this order. Not thread-safe.
/// </summary>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
public sealed class HakmemHeapSettings
{
    // A property here has the name and the type of an option, and needs nothing else but to be in IsAnythingSet: what
    // is set is given to that option. Tests compare them.
    private static readonly PropertyInfo[] s_properties = typeof(HakmemHeapSettings).GetProperties();

    /// <summary>See <see cref="HakmemOptions.Prefault"/>.</summary>
    public PrefaultMode? Prefault { get; set; }

    /// <summary>See <see cref="HakmemOptions.LazyZero"/>.</summary>
    public LazyZeroMode? LazyZero { get; set; }

    /// <summary>See <see cref="HakmemOptions.HugePages"/>.</summary>
    public HugePageMode? HugePages { get; set; }

    /// <summary>In bytes; see <see cref="HakmemOptions.MaxBytes"/>.</summary>
    public long? MaxBytes { get; set; }

    /// <summary>In bytes; see <see cref="HakmemOptions.SoftLimitBytes"/>.</summary>
    public long? SoftLimitBytes { get; set; }

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

    /// <summary>See <see cref="HakmemOptions.GuardedSampleBytes"/>.</summary>
    public long? GuardedSampleBytes { get; set; }

    /// <summary>See <see cref="HakmemOptions.FaultReports"/>.</summary>
    public bool? FaultReports { get; set; }

    // Whether there is anything that the shared heap would silently not do. Every start of a service asks, and by
    // reflection it would wait until a method is compiled for each property.
    internal bool IsAnythingSet =>
        Prefault.HasValue || LazyZero.HasValue || HugePages.HasValue || MaxBytes.HasValue || SoftLimitBytes.HasValue ||
        ThreadCacheBytes.HasValue || SuperSlabCacheCount.HasValue || SuperSlabCacheBytes.HasValue ||
        SuperSlabCacheTtl.HasValue || PurgeDelay.HasValue || Hardening.HasValue || CaptureStacks.HasValue ||
        QuarantineBytes.HasValue || GuardedSampleInterval.HasValue || GuardedSampleBytes.HasValue ||
        FaultReports.HasValue;

    internal IEnumerable<string> ConfiguredKeys =>
        s_properties.Where(property => property.GetValue(this) is not null).Select(property => property.Name);

    // The value of the property with this name; null where it is not set, or there is none such.
    internal object? ValueOf(string? name) =>
        s_properties.FirstOrDefault(property => property.Name == name)?.GetValue(this);

    private string DebuggerDisplay => IsAnythingSet ? "set: " + string.Join(", ", ConfiguredKeys) : "nothing is set";

    // Without the properties that are left out.
    internal HakmemOptions ToHeapOptions(params IEnumerable<string> leftOut)
    {
        HakmemOptions options = new();
        foreach (string name in ConfiguredKeys.Except(leftOut))
        {
            typeof(HakmemOptions).GetProperty(name)!.SetValue(options, ValueOf(name));
        }

        return options;
    }
}
