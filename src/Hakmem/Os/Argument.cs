using System;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Hakmem.Os;

// Checks of arguments, in place of the framework's (ArgumentNullException.ThrowIfNull and so on). Those look up their
// texts in a resource, under a lock: a thread with a pending interrupt that meets another one there would throw a
// ThreadInterruptedException instead, and take the interrupt.
internal static class Argument
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RequireNotNull(
        [NotNull] object? argument, [CallerArgumentExpression(nameof(argument))] string? name = null)
    {
        if (argument is null)
        {
            ThrowNull(name);
        }
    }

    public static void RequireText(
        [NotNull] string? argument, [CallerArgumentExpression(nameof(argument))] string? name = null)
    {
        RequireNotNull(argument, name);
        if (argument.Length == 0)
        {
            throw new ArgumentException("The text must not be empty.", name);
        }
    }

    // Zero or more.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RequireNotNegative(
        long value, [CallerArgumentExpression(nameof(value))] string? name = null)
    {
        if (value < 0)
        {
            ThrowBelow(value, 0, name);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RequireAtLeast(
        long value, long least, [CallerArgumentExpression(nameof(value))] string? name = null)
    {
        if (value < least)
        {
            ThrowBelow(value, least, name);
        }
    }

    // From zero to most.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RequireAtMost(
        long value, long most, [CallerArgumentExpression(nameof(value))] string? name = null)
    {
        if ((ulong)value > (ulong)most)
        {
            ThrowOutside(value, most, name);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RequireAlive(bool isAlive, Type type)
    {
        if (!isAlive)
        {
            ThrowDisposed(type);
        }
    }

    [DoesNotReturn]
    private static void ThrowNull(string? name) =>
        throw new ArgumentNullException(name, "The argument must not be null.");

    [DoesNotReturn]
    private static void ThrowBelow(long value, long least, string? name) =>
        throw new ArgumentOutOfRangeException(name, value, Invariant($"{name} must be at least {least}, not {value}."));

    [DoesNotReturn]
    private static void ThrowOutside(long value, long most, string? name) => throw new ArgumentOutOfRangeException(
        name, value, Invariant($"{name} must be from 0 to {most}, not {value}."));

    [DoesNotReturn]
    private static void ThrowDisposed(Type type) =>
        throw new ObjectDisposedException(type.FullName, "The object has been disposed.");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
