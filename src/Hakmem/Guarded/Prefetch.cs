using System.Runtime.CompilerServices;
#if NET
using System.Runtime.Intrinsics.X86;
#endif

namespace Hakmem.Guarded;

// Prefetches memory that is about to be read: blocks in a quarantine were freed so long ago that they left the near
// caches. Uses the instruction that .NET has for x86 and x64; elsewhere it does nothing.
internal static unsafe class Prefetch
{
    private const int LineBytes = 64;

    // Any address is allowed, null and unmapped ones included: the processor ignores those.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(byte* address, int bytes)
    {
#if NET
        if (Sse.IsSupported)
        {
            for (int done = 0; done < bytes; done += LineBytes)
            {
                Sse.Prefetch0(address + done);
            }
        }
#endif
    }
}
