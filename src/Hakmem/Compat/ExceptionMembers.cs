using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hakmem.Compat;

// The throw helpers of the framework's exceptions, which netstandard2.0 lacks.
internal static class ExceptionMembers
{
    extension(ArgumentNullException)
    {
        public static void ThrowIfNull(
            [NotNull] object? argument, [CallerArgumentExpression(nameof(argument))] string? paramName = null)
        {
            if (argument is null)
            {
                throw new ArgumentNullException(paramName);
            }
        }
    }

    extension(ArgumentException)
    {
        public static void ThrowIfNullOrEmpty(
            [NotNull] string? argument, [CallerArgumentExpression(nameof(argument))] string? paramName = null)
        {
            ArgumentNullException.ThrowIfNull(argument, paramName);
            if (argument!.Length == 0)
            {
                throw new ArgumentException("The value cannot be an empty string.", paramName);
            }
        }
    }

    extension(ArgumentOutOfRangeException)
    {
        public static void ThrowIfNegative<T>(
            T value, [CallerArgumentExpression(nameof(value))] string? paramName = null)
            where T : struct, IComparable<T> =>
            ThrowUnless(value.CompareTo(default) >= 0, value, default, "must be at least", paramName);

        public static void ThrowIfLessThan<T>(
            T value, T other, [CallerArgumentExpression(nameof(value))] string? paramName = null)
            where T : IComparable<T> =>
            ThrowUnless(value.CompareTo(other) >= 0, value, other, "must be at least", paramName);

        public static void ThrowIfGreaterThan<T>(
            T value, T other, [CallerArgumentExpression(nameof(value))] string? paramName = null)
            where T : IComparable<T> =>
            ThrowUnless(value.CompareTo(other) <= 0, value, other, "must be at most", paramName);
    }

    extension(ObjectDisposedException)
    {
        public static void ThrowIf([DoesNotReturnIf(true)] bool condition, object instance) =>
            ObjectDisposedException.ThrowIf(condition, instance.GetType());

        public static void ThrowIf([DoesNotReturnIf(true)] bool condition, Type type)
        {
            if (condition)
            {
                throw new ObjectDisposedException(type.FullName);
            }
        }
    }

    private static void ThrowUnless<T>(bool holds, T value, T limit, string demand, string? paramName)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException(paramName, value, $"{paramName} ('{value}') {demand} '{limit}'.");
        }
    }
}
