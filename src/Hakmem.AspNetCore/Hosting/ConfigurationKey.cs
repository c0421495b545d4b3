using System;
using System.Globalization;

namespace Hakmem.AspNetCore.Hosting;

// One value that configuration can set: its name within its section, what it has to be in the words of whoever has to
// correct it, and whether a text is that, as the configuration binder would say.
internal sealed record ConfigurationKey(string Name, string Demand, Func<string, bool> IsUnderstood)
{
    public static ConfigurationKey Boolean(string name) => new(name, "true or false", text => bool.TryParse(text, out _));

    public static ConfigurationKey Int32(string name) => new(
        name, $"a whole number up to {int.MaxValue}", text => int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out _));

    public static ConfigurationKey Int64(string name) => new(
        name, $"a whole number up to {long.MaxValue}", text => long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out _));

    public static ConfigurationKey Time(string name) => new(
        name, "a time as hh:mm:ss (a plain number is days)", text => TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out _));

    public static ConfigurationKey OneOf<T>(string name)
        where T : struct, Enum => new(
            name, $"one of {string.Join(", ", Enum.GetNames<T>())}", text => Enum.TryParse<T>(text, ignoreCase: true, out _));
}
