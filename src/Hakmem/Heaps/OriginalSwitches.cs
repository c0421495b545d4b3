using System;
using System.Globalization;

namespace Hakmem.Heaps;

// The environment variables of the original HAKMEM, so that its scripts and its study's configurations mean the same here:
//
//   HAKMEM_SS_PREFAULT               0 none (its default), 1 MADV_WILLNEED, populate, touch
//   HAKMEM_SS_LAZY_ZERO              1 discard as soon as a SuperSlab is empty (its default), 0 never; deferred is this library's own
//   HAKMEM_THP                       off, auto, on
//   HAKMEM_SUPERSLAB_MAX_CACHED      SuperSlabs
//   HAKMEM_SUPERSLAB_MAX_MEMORY_MB   units of 2^20 bytes
//   HAKMEM_SUPERSLAB_TTL_SEC         seconds
//
// The names of the enumerations' values are understood too. A variable under its own name wins (see HakmemOptions), since its values are
// those of the enumerations: HAKMEM_LAZY_ZERO=0 is Deferred where HAKMEM_SS_LAZY_ZERO=0 is Off.
//
// Null where a variable is not set; text that cannot be understood is an error that names it, as in HakmemSettings, whose rule of no
// generic methods where nothing is set holds here as well.
internal static class OriginalSwitches
{
    private const string PrefaultVariable = "HAKMEM_SS_PREFAULT";
    private const string LazyZeroVariable = "HAKMEM_SS_LAZY_ZERO";
    private const string HugePagesVariable = "HAKMEM_THP";

    public static PrefaultMode? Prefault => Read(PrefaultVariable) switch
    {
        null => null,
        "0" or "NONE" => PrefaultMode.None,
        "1" or "WILLNEED" => PrefaultMode.WillNeed,
        "POPULATE" => PrefaultMode.Populate,
        "TOUCH" => PrefaultMode.Touch,
        _ => throw NotUnderstood(PrefaultVariable, "none of 0, 1, populate, touch"),
    };

    public static LazyZeroMode? LazyZero => Read(LazyZeroVariable) switch
    {
        null => null,
        "0" or "OFF" => LazyZeroMode.Off,
        "1" or "IMMEDIATE" => LazyZeroMode.Immediate,
        "DEFERRED" => LazyZeroMode.Deferred,
        _ => throw NotUnderstood(LazyZeroVariable, "none of 0, 1, off, immediate, deferred"),
    };

    public static HugePageMode? HugePages => Read(HugePagesVariable) switch
    {
        null => null,
        "OFF" or "NEVER" => HugePageMode.Never,
        "AUTO" or "DEFAULT" => HugePageMode.Default,
        "ON" or "ALWAYS" => HugePageMode.Always,
        _ => throw NotUnderstood(HugePagesVariable, "none of off, auto, on"),
    };

    public static int? MaxCached => (int?)ReadCount("HAKMEM_SUPERSLAB_MAX_CACHED", int.MaxValue);

    public static long? MaxMemoryBytes => ReadCount("HAKMEM_SUPERSLAB_MAX_MEMORY_MB", long.MaxValue >> 20) << 20;

    public static TimeSpan? TimeToLive =>
        ReadCount("HAKMEM_SUPERSLAB_TTL_SEC", int.MaxValue) is { } seconds ? TimeSpan.FromSeconds(seconds) : null;

    private static string? Read(string variable) => HakmemSettings.FindVariable(variable)?.ToUpperInvariant();

    private static long? ReadCount(string variable, long most)
    {
        string? text = HakmemSettings.FindVariable(variable);
        if (text is null)
        {
            return null;
        }

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value <= most
            ? value
            : throw NotUnderstood(variable, $"not a whole number from 0 to {most}");
    }

    private static InvalidOperationException NotUnderstood(string variable, string finding) =>
        HakmemSettings.NotUnderstood(HakmemSettings.SourceOf(variable), HakmemSettings.FindVariable(variable) ?? "", finding);
}
