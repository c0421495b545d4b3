using System;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Linq;

namespace Hakmem.AspNetCore.Hosting;

// One value that configuration can set: its name within its section, what it has to be in the words of whoever has to
// correct it, and whether a text is that, as the configuration binder would say. Only of a time more is asked, as the
// binder takes a plain number for days.
internal sealed record ConfigurationKey(string Name, string Demand, Func<string, bool> IsUnderstood)
{
    // The properties that can be set. What cannot be is a section.
    public static ConfigurationKey[] AllOf(
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] Type type) =>
        [
            .. type.GetProperties().Where(property => property.CanWrite)
                .Select(property => Of(property.Name, property.PropertyType)),
        ];

    private static ConfigurationKey Of(string name, Type propertyType)
    {
        Type type = Nullable.GetUnderlyingType(propertyType) ?? propertyType;
        return type.IsEnum ? OneOf(name, type)
            : type == typeof(bool) ? Boolean(name)
            : type == typeof(int) ? Int32(name)
            : type == typeof(long) ? Int64(name)
            : type == typeof(TimeSpan) ? Time(name)
            : type == typeof(string) ? new ConfigurationKey(name, "a text", _ => true)
            : throw new NotSupportedException($"{name} is of a type that configuration cannot set: {type}.");
    }

    private static ConfigurationKey Boolean(string name) =>
        new(name, "true or false", text => bool.TryParse(text, out _));

    private static ConfigurationKey Int32(string name) => new(
        name, $"a whole number up to {int.MaxValue}",
        text => int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out _));

    private static ConfigurationKey Int64(string name) => new(
        name, $"a whole number up to {long.MaxValue}",
        text => long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out _));

    private static ConfigurationKey Time(string name) => new(
        name, "a time as hh:mm:ss (a plain number would be days)",
        text => text.Contains(':') && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out _));

    private static ConfigurationKey OneOf(string name, Type type) => new(
        name, $"one of {string.Join(", ", Enum.GetNames(type))}",
        text => Enum.TryParse(type, text, ignoreCase: true, out _));
}
