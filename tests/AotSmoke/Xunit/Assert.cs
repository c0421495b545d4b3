using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using Xunit.Sdk;

namespace Xunit;

// The assertions that the linked tests use, as xunit means them. Its own compare and print values of any kind by reflection, which native
// compilation warns about; and it is the library that is to be without warnings.
internal static class Assert
{
    public static void True([DoesNotReturnIf(false)] bool condition, string? message = null)
    {
        if (!condition)
        {
            Fail(message ?? "What should hold does not.");
        }
    }

    public static void False([DoesNotReturnIf(true)] bool condition, string? message = null) =>
        True(!condition, message ?? "What should not hold does.");

    public static void Null(object? value) => True(value is null, $"Expected null, had {value}.");

    public static void Equal<T>(T expected, T actual) =>
        True(EqualityComparer<T>.Default.Equals(expected, actual), $"Expected {expected}, had {actual}.");

    public static void NotEqual<T>(T expected, T actual) =>
        True(!EqualityComparer<T>.Default.Equals(expected, actual), $"Expected anything but {expected}.");

    public static void InRange<T>(T actual, T low, T high)
        where T : IComparable<T> =>
        True(actual.CompareTo(low) >= 0 && actual.CompareTo(high) <= 0, $"Expected {low} to {high}, had {actual}.");

    public static void NotEmpty<T>(IEnumerable<T> items) => True(items.Any(), "Expected something, had nothing.");

    public static void Contains(string expected, string actual, StringComparison comparison) =>
        True(actual.Contains(expected, comparison), $"Expected \"{expected}\" in \"{actual}\".");

    // Exactly this exception, not one derived from it.
    public static T Throws<T>(Action action)
        where T : Exception
    {
        try
        {
            action();
        }
        catch (Exception thrown) when (thrown.GetType() == typeof(T))
        {
            return (T)thrown;
        }

        throw new XunitException($"Expected {typeof(T).Name}, and nothing was thrown.");
    }

    public static T Throws<T>(Func<object?> function)
        where T : Exception => Throws<T>(() => { _ = function(); });

    [DoesNotReturn]
    public static void Fail(string message) => throw new XunitException(message);
}
