using System.Runtime.CompilerServices;
#if NET
using System.Runtime.Intrinsics.X86;
#endif

namespace Hakmem.Guarded;

// Asks the processor for memory that is about to be read: free blocks come by so long after they were freed that they
// are in no near cache. Only where .NET has an instruction for it, which is x86 and x64 so far.
internal static unsafe class Prefetch
{
    private const int LineBytes = 64;

    // Any address will do, null and what is not mapped included: the processor forgets it then.
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
