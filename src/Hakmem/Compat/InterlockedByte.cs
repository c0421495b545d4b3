using System;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Compat;

// An overload that .NET 9 has, and neither .NET 8 nor netstandard2.0.
internal static class InterlockedByte
{
    extension(Interlocked)
    {
        // Exchanges a byte of unmanaged memory through the aligned word that contains it.
        public static unsafe byte Exchange(ref byte location, byte value)
        {
            nuint address = (nuint)Unsafe.AsPointer(ref location);
            ref int word = ref Unsafe.AsRef<int>((void*)(address & ~(nuint)3));
            int offset = (int)(address & 3);
            int shift = (BitConverter.IsLittleEndian ? offset : 3 - offset) * 8;
            while (true)
            {
                int before = Volatile.Read(ref word);
                int after = (before & ~(0xFF << shift)) | (value << shift);
                if (Interlocked.CompareExchange(ref word, after, before) == before)
                {
                    return (byte)(before >> shift);
                }
            }
        }
    }
}
