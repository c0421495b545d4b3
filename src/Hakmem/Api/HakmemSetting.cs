using System;
using System.Globalization;

namespace Hakmem.Api;

// The declaration of one setting; HakmemSettings has them all. A value comes from AppContext (runtimeconfig.json), else
// from the environment variable, else from the original HAKMEM's variable, else it is the default. A source that
// another one overrides is not read. Text that cannot be parsed is an error that names its source: a limit that
// silently is none would be found out at the worst time.
//
// A value is a number here, whatever its type: a mode's is its enumeration's, a switch's 0 or 1, a time's its ticks. So
// there is no generic method of the framework that would have to be compiled for each type.
internal sealed class HakmemSetting(string name, string variable, Type type, long defaultValue)
{
    // The name of the option and, behind "Hakmem.", of the AppContext setting.
    public string Name => name;

    public string Variable => variable;

    // Both names, for messages.
    public string FullName => $"Hakmem.{name} ({variable})";

    // Of the option: long, int, bool, TimeSpan or an enumeration.
    public Type Type => type;

    public long Default => defaultValue;

    // What docs/operations.md says of it.
    public required string Meaning { get; init; }

    public long Least { get; init; }

    public long Most { get; init; } = long.MaxValue;

    // What zero stands for where it is no quantity; it may then be less than Least.
    public string? ZeroMeans { get; init; }

    public OriginalVariable? Original { get; init; }

    private bool IsTime => type == typeof(TimeSpan);

    private string Finding => IsTime ? "neither milliseconds nor hh:mm:ss"
        : type == typeof(bool) ? "neither true nor false"
        : type.IsEnum ? "none of " + string.Join(", ", Enum.GetNames(type))
        : "not a whole number in range";

    // The value that is set outside of the program, or the default.
    public long Read()
    {
        object? setting = SettingSource.GetData("Hakmem." + name);
        string? text = setting is null ? null : Convert.ToString(setting, CultureInfo.InvariantCulture)?.Trim();
        if (!string.IsNullOrEmpty(text))
        {
            return TryParse(text!, out long value) ? value
                : throw NotUnderstood("AppContext setting Hakmem." + name, text!, Finding);
        }

        text = FindVariable(variable);
        if (text is not null)
        {
            return TryParse(text, out long value) ? value
                : throw NotUnderstood("environment variable " + variable, text, Finding);
        }

        text = Original is null ? null : FindVariable(Original.Name);
        return text is null ? defaultValue
            : Original!.TryParse(text, this, out long original) ? original
            : throw NotUnderstood("environment variable " + Original.Name, text, Original.FindingFor(this));
    }

    // The value, if an option may have it.
    public long Check(long value)
    {
        if (type.IsEnum)
        {
            return Enum.IsDefined(type, (int)value) ? value
                : throw new ArgumentOutOfRangeException(
                    name, $"HakmemOptions.{name} is not one of the values of its enumeration.");
        }

        if (ZeroMeans is not null && value == 0)
        {
            return value;
        }

        string? demand = value < Least ? $"at least {Least}" : value > Most ? $"at most {Most}" : null;
        return demand is null ? value
            : throw new ArgumentOutOfRangeException(name, value, $"HakmemOptions.{name} must be {demand}.");
    }

    // By its name or number.
    public bool TryParseMode(string text, out long value)
    {
        bool isKnown = Enum.TryParse(type, text, ignoreCase: true, out object? mode) && Enum.IsDefined(type, mode!);
        value = isKnown ? (int)mode! : 0;
        return isKnown;
    }

    private bool TryParse(string text, out long value)
    {
        if (IsTime)
        {
            return TryParseTime(text, out value);
        }

        if (type == typeof(bool))
        {
            value = text == "1" || (bool.TryParse(text, out bool isOn) && isOn) ? 1 : 0;
            return value == 1 || text == "0" || bool.TryParse(text, out _);
        }

        return type.IsEnum
            ? TryParseMode(text, out value)
            : long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out value) &&
                (type == typeof(long) || value is >= int.MinValue and <= int.MaxValue);
    }

    // Milliseconds, or hh:mm:ss. (TimeSpan.Parse alone would take "10" for ten days.)
    private static bool TryParseTime(string text, out long ticks)
    {
        bool isSpan = text.Contains(':', StringComparison.Ordinal);
        if (isSpan)
        {
            bool isUnderstood = TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out TimeSpan span);
            ticks = span.Ticks;
            return isUnderstood;
        }

        bool isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int milliseconds);
        ticks = milliseconds * TimeSpan.TicksPerMillisecond;
        return isNumber;
    }

    // An environment variable's text without the space around it; null if it is not set or empty.
    private static string? FindVariable(string variable)
    {
        string? text = SettingSource.GetVariable(variable)?.Trim();
        return string.IsNullOrEmpty(text) ? null : text;
    }

    private static InvalidOperationException NotUnderstood(string source, string text, string finding) =>
        new($"The {source} is '{text}', which is {finding}.");
}
