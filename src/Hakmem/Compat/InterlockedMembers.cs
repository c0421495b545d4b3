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

        // The framework's, which .NET has had since version 9, of a byte in unmanaged memory: by the aligned word that
        // it lies in.
        public static unsafe byte Exchange(ref byte location, byte value)
        {
            nuint address = (nuint)Unsafe.AsPointer(ref location);
            ref int word = ref Unsafe.AsRef<int>((void*)(address & ~(nuint)3));
            int place = (int)(address & 3);
            int shift = (BitConverter.IsLittleEndian ? place : 3 - place) * 8;
            int before = Volatile.Read(ref word);
            for (int seen; (seen = Interlocked.CompareExchange(ref word, (before & ~(0xFF << shift)) | (value << shift), before)) != before; before = seen)
            {
            }

            return (byte)(before >> shift);
        }
    }
}
