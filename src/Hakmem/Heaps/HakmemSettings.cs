using System;
using System.Globalization;

namespace Hakmem.Heaps;

// Settings from outside the program: AppContext (runtimeconfig.json) first, then the environment. Text that cannot be understood is an
// error that names its source: a limit that silently is none would be found out at the worst time. Each reader gives null where there is
// no setting; a setting that another one overrides is not read, and so is not an error.
//
// Where there is no setting, which is nearly always, nothing here uses a generic method of the framework that would have to be
// compiled first, nor a culture, not even the invariant one, with which the runtime loads ICU: this runs before a process's first
// allocation.
internal static class HakmemSettings
{
    // Every name that is read for a heap's options; a test holds them to what is read.
    private const string Keys =
        "Prefault LazyZero HugePages MaxBytes ThreadCacheBytes SuperSlabCacheCount SuperSlabCacheBytes SuperSlabCacheTtl PurgeDelay " +
        "Hardening CaptureStacks QuarantineBytes GuardedSampleInterval FaultReports";

    private const string Variables =
        "PREFAULT LAZY_ZERO HUGE_PAGES MAX_BYTES THREAD_CACHE_BYTES SUPERSLAB_CACHE_COUNT SUPERSLAB_CACHE_BYTES SUPERSLAB_CACHE_TTL PURGE_DELAY " +
        "HARDENING CAPTURE_STACKS QUARANTINE_BYTES GUARDED_SAMPLE_INTERVAL FAULT_REPORTS " +
        "SS_PREFAULT SS_LAZY_ZERO THP SUPERSLAB_MAX_CACHED SUPERSLAB_MAX_MEMORY_MB SUPERSLAB_TTL_SEC";

    // Whether anything is set at all, understood or not. If not, options have their defaults.
    public static bool AreAny()
    {
        for (int from = 0; from < Keys.Length;)
        {
            if (AppContext.GetData("Hakmem." + NextWord(Keys, ref from)) is not null)
            {
                return true;
            }
        }

        for (int from = 0; from < Variables.Length;)
        {
            if (Environment.GetEnvironmentVariable("HAKMEM_" + NextWord(Variables, ref from)) is not null)
            {
                return true;
            }
        }

        return false;
    }

    public static T? ReadEnum<T>(string name, string variable)
        where T : struct, Enum
    {
        string? text = Find(name, variable, out string source);
        if (text is null)
        {
            return null;
        }

        return Enum.TryParse(text, ignoreCase: true, out T value) && Enum.IsDefined(value)
            ? value
            : throw NotUnderstood(source, text, "none of " + string.Join(", ", Enum.GetNames<T>()));
    }

    // true or false, in any case; 1 or 0.
    public static bool? ReadBoolean(string name, string variable)
    {
        string? text = Find(name, variable, out string source);
        return text switch
        {
            null => null,
            "1" => true,
            "0" => false,
            _ => bool.TryParse(text, out bool value) ? value : throw NotUnderstood(source, text, "neither true nor false"),
        };
    }

    public static long? ReadInt64(string name, string variable)
    {
        string? text = Find(name, variable, out string source);
        if (text is null)
        {
            return null;
        }

        return long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw NotUnderstood(source, text, "not a whole number in range");
    }

    public static int? ReadInt32(string name, string variable)
    {
        string? text = Find(name, variable, out string source);
        if (text is null)
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int value)
            ? value
            : throw NotUnderstood(source, text, "not a whole number in range");
    }

    // Milliseconds, or hh:mm:ss. (TimeSpan.Parse alone would take "10" for ten days.)
    public static TimeSpan? ReadTimeSpan(string name, string variable)
    {
        string? text = Find(name, variable, out string source);
        if (text is null)
        {
            return null;
        }

        bool isSpan = text.Contains(':', StringComparison.Ordinal);
        if (isSpan && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out TimeSpan span))
        {
            return span;
        }

        return !isSpan && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int milliseconds)
            ? TimeSpan.FromMilliseconds(milliseconds)
            : throw NotUnderstood(source, text, "neither milliseconds nor hh:mm:ss");
    }

    // An environment variable's text without the space around it; null if it is not set or empty.
    public static string? FindVariable(string variable)
    {
        string? text = Environment.GetEnvironmentVariable(variable)?.Trim();
        return string.IsNullOrEmpty(text) ? null : text;
    }

    public static string SourceOf(string variable) => "environment variable " + variable;

    public static InvalidOperationException NotUnderstood(string source, string text, string finding) =>
        new($"The {source} is '{text}', which is {finding}.");

    // Without IndexOf, the first use of which took 1.8 ms of a process.
    private static string NextWord(string words, ref int from)
    {
        int end = from;
        while (end < words.Length && words[end] != ' ')
        {
            end++;
        }

        string word = words.Substring(from, end - from);
        from = end + 1;
        return word;
    }

    private static string? Find(string name, string variable, out string source)
    {
        string key = "Hakmem." + name;
        object? setting = AppContext.GetData(key);
        string? text = setting is null ? null : Convert.ToString(setting, CultureInfo.InvariantCulture)?.Trim();
        if (!string.IsNullOrEmpty(text))
        {
            source = "AppContext setting " + key;
            return text;
        }

        source = SourceOf(variable);
        return FindVariable(variable);
    }
}
