using System;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Compat;

// An overload that netstandard2.0 lacks.
internal static class InterlockedMembers
{
    extension(Interlocked)
    {
        // In this framework nint is another type than IntPtr.
        public static nint Exchange(ref nint location, nint value) =>
            Interlocked.Exchange(ref Unsafe.As<nint, IntPtr>(ref location), value);
    }
}
