using System;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Compat;

// Static members that the class has got since netstandard2.0.
internal static class InterlockedMembers
{
    extension(Interlocked)
    {
        // An IntPtr to this target's framework, which has these two.
        public static nint Exchange(ref nint location, nint value) => Interlocked.Exchange(ref Unsafe.As<nint, IntPtr>(ref location), value);

        public static nuint Exchange(ref nuint location, nuint value) =>
            (nuint)(nint)Interlocked.Exchange(ref Unsafe.As<nuint, IntPtr>(ref location), (IntPtr)(nint)value);

        public static nuint CompareExchange(ref nuint location, nuint value, nuint comparand) =>
            (nuint)(nint)Interlocked.CompareExchange(ref Unsafe.As<nuint, IntPtr>(ref location), (IntPtr)(nint)value, (IntPtr)(nint)comparand);

        public static uint Exchange(ref uint location, uint value) =>
            (uint)Interlocked.Exchange(ref Unsafe.As<uint, int>(ref location), (int)value);

        public static ulong Exchange(ref ulong location, ulong value) =>
            (ulong)Interlocked.Exchange(ref Unsafe.As<ulong, long>(ref location), (long)value);

        public static uint CompareExchange(ref uint location, uint value, uint comparand) =>
            (uint)Interlocked.CompareExchange(ref Unsafe.As<uint, int>(ref location), (int)value, (int)comparand);

        public static ulong CompareExchange(ref ulong location, ulong value, ulong comparand) =>
            (ulong)Interlocked.CompareExchange(ref Unsafe.As<ulong, long>(ref location), (long)value, (long)comparand);

        public static uint Increment(ref uint location) => (uint)Interlocked.Increment(ref Unsafe.As<uint, int>(ref location));

        public static ulong Increment(ref ulong location) => (ulong)Interlocked.Increment(ref Unsafe.As<ulong, long>(ref location));

        public static ulong Add(ref ulong location, ulong value) =>
            (ulong)Interlocked.Add(ref Unsafe.As<ulong, long>(ref location), (long)value);

        // The value before, as the framework's.
        public static int Or(ref int location, int value)
        {
            int before = Volatile.Read(ref location);
            for (int seen; (seen = Interlocked.CompareExchange(ref location, before | value, before)) != before; before = seen)
            {
            }

            return before;
        }

        public static int And(ref int location, int value)
        {
            int before = Volatile.Read(ref location);
            for (int seen; (seen = Interlocked.CompareExchange(ref location, before & value, before)) != before; before = seen)
            {
            }

            return before;
        }

        public static ulong Or(ref ulong location, ulong value)
        {
            ulong before = Volatile.Read(ref location);
            for (ulong seen; (seen = Interlocked.CompareExchange(ref location, before | value, before)) != before; before = seen)
            {
            }

            return before;
        }

        public static ulong And(ref ulong location, ulong value)
        {
            ulong before = Volatile.Read(ref location);
            for (ulong seen; (seen = Interlocked.CompareExchange(ref location, before & value, before)) != before; before = seen)
            {
            }

            return before;
        }
    }
}
