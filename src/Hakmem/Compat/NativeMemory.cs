using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem.Compat;

// Stands in for the members of System.Runtime.InteropServices.NativeMemory that this library uses.
internal static unsafe class NativeMemory
{
    // The most bytes for one block instruction, whose length has 32 bits.
    private const nuint MaxPieceBytes = 1u << 30;

    // These throw OutOfMemoryException, as the framework's do. byteCount is at most nint.MaxValue.
    public static void* Alloc(nuint byteCount) => (void*)Marshal.AllocHGlobal((nint)byteCount);

    public static void* AllocZeroed(nuint byteCount)
    {
        void* ptr = Alloc(byteCount);
        Clear(ptr, byteCount);
        return ptr;
    }

    public static void* Realloc(void* ptr, nuint byteCount) =>
        (void*)Marshal.ReAllocHGlobal((nint)ptr, (nint)byteCount);

    public static void Free(void* ptr) => Marshal.FreeHGlobal((nint)ptr);

    // SAFETY: the caller guarantees byteCount writable bytes at ptr.
    public static void Clear(void* ptr, nuint byteCount) => Fill(ptr, byteCount, 0);

    // SAFETY: as above.
    public static void Fill(void* ptr, nuint byteCount, byte value)
    {
        byte* at = (byte*)ptr;
        while (byteCount > 0)
        {
            nuint piece = byteCount < MaxPieceBytes ? byteCount : MaxPieceBytes;
            Unsafe.InitBlockUnaligned(at, value, (uint)piece);
            at += piece;
            byteCount -= piece;
        }
    }
}
