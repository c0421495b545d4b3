using System;
using System.Globalization;

namespace Hakmem.Allocators;

// Settings from outside the program: AppContext (runtimeconfig.json) first, then the environment. Text that cannot be understood is an
// error that names its source: a limit that silently is none would be found out at the worst time.
internal static class HakmemSettings
{
    public static T Read<T>(string name, string variable, T fallback)
    {
        string key = "Hakmem." + name;
        string? text = Convert.ToString(AppContext.GetData(key), CultureInfo.InvariantCulture);
        string source = $"AppContext setting {key}";
        if (string.IsNullOrEmpty(text))
        {
            text = Environment.GetEnvironmentVariable(variable);
            source = $"environment variable {variable}";
        }

        if (string.IsNullOrEmpty(text))
        {
            return fallback;
        }

        return TryParse(text.Trim(), typeof(T)) is T value
            ? value
            : throw new InvalidOperationException($"The {source} is '{text}', which is {Expected(typeof(T))}.");
    }

    private static object? TryParse(string text, Type type)
    {
        if (type.IsEnum)
        {
            return Enum.TryParse(type, text, ignoreCase: true, out object? value) && Enum.IsDefined(type, value!) ? value : null;
        }

        if (type == typeof(TimeSpan) && text.Contains(':', StringComparison.Ordinal))
        {
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out TimeSpan span) ? span : null;
        }

        if (!long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long number))
        {
            return null;
        }

        if (type == typeof(TimeSpan))
        {
            return number is >= 0 and <= int.MaxValue ? TimeSpan.FromMilliseconds(number) : null;
        }

        return type == typeof(long) ? number : number is >= int.MinValue and <= int.MaxValue ? (int)number : null;
    }

    private static string Expected(Type type)
    {
        if (type.IsEnum)
        {
            return "none of " + string.Join(", ", Enum.GetNames(type));
        }

        return type == typeof(TimeSpan) ? "neither milliseconds nor hh:mm:ss" : "not a whole number in range";
    }
}
