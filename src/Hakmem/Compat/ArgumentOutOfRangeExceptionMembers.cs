using System;
using System.Runtime.CompilerServices;

namespace Hakmem.Compat;

// Static members that the class has got since netstandard2.0.
internal static class ArgumentOutOfRangeExceptionMembers
{
    extension(ArgumentOutOfRangeException)
    {
        public static void ThrowIfNegative<T>(T value, [CallerArgumentExpression(nameof(value))] string? paramName = null)
            where T : struct, IComparable<T> => ThrowUnless(value.CompareTo(default) >= 0, value, "must not be negative", paramName);

        public static void ThrowIfLessThan<T>(T value, T other, [CallerArgumentExpression(nameof(value))] string? paramName = null)
            where T : IComparable<T> => ThrowUnless(value.CompareTo(other) >= 0, value, other, "must be at least", paramName);

        public static void ThrowIfGreaterThan<T>(T value, T other, [CallerArgumentExpression(nameof(value))] string? paramName = null)
            where T : IComparable<T> => ThrowUnless(value.CompareTo(other) <= 0, value, other, "must be at most", paramName);
    }

    private static void ThrowUnless<T>(bool holds, T value, T other, string demand, string? paramName)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException(paramName, value, $"{paramName} ('{value}') {demand} '{other}'.");
        }
    }

    private static void ThrowUnless<T>(bool holds, T value, string demand, string? paramName)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException(paramName, value, $"{paramName} ('{value}') {demand}.");
        }
    }
}
