using System.Runtime.CompilerServices;

namespace Hakmem.Compat;

// Stands in for the members of System.Runtime.InteropServices.NativeMemory that this library uses.
internal static unsafe class NativeMemory
{
    // The most bytes for one block instruction, whose length has 32 bits.
    private const nuint MaxPieceBytes = 1u << 30;

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
