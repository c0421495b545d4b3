using System.Runtime.CompilerServices;

namespace Hakmem.Compat;

// Stands in for what this library uses of System.Runtime.InteropServices.NativeMemory.
internal static unsafe class NativeMemory
{
    // What one block instruction is given at most: its length is 32 bits.
    private const nuint MaxPieceBytes = 1u << 30;

    // SAFETY: the caller vouches for byteCount writable bytes at ptr.
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
