using System;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Compat;

// Static members that the class has got since netstandard2.0.
internal static class InterlockedMembers
{
    extension(Interlocked)
    {
        // An IntPtr to this target's framework.
        public static nint Exchange(ref nint location, nint value) => Interlocked.Exchange(ref Unsafe.As<nint, IntPtr>(ref location), value);

        // The value before, as the framework's.
        public static int Or(ref int location, int value)
        {
            int before = Volatile.Read(ref location);
            for (int seen; (seen = Interlocked.CompareExchange(ref location, before | value, before)) != before; before = seen)
            {
            }

            return before;
        }
    }
}
