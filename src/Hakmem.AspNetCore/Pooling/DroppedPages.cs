using System;
using System.Runtime.InteropServices;

namespace Hakmem.AspNetCore.Pooling;

// Gives the pages of an array that nobody will use again to the system, before the garbage collector knows that it is
// garbage.
//
// The collector alone would not do. Between slabs that idle connections hold it frees arrays but keeps their memory,
// since it neither moves what is on the pinned heap nor gives back part of a region of that: 40 blocks, spread over 900
// MiB, kept 450 of them resident.
//
// On Linux; elsewhere the collection is all there is. Thread-safe.
internal static unsafe partial class DroppedPages
{
    private const int AdviceDontNeed = 4;

    // By the name that glibc has it loaded under already; musl takes the name for itself.
    private const string Library = "libc.so.6";

    private static readonly bool s_isLinux = OperatingSystem.IsLinux();

    // SAFETY: only pages that lie wholly within the array's elements are discarded. They read as zero afterwards, which
    // is as good as any other contents of an array of bytes, also to the collector, which knows nothing of them. The
    // array is pinned and reachable meanwhile. The system may refuse (locked or huge pages): they then stay until a
    // collection.
    public static void Discard(byte[] pinned)
    {
        if (!s_isLinux)
        {
            return;
        }

        nuint mask = (nuint)Environment.SystemPageSize - 1;
        nuint start = (nuint)(nint)Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0);
        nuint end = (start + (nuint)pinned.Length) & ~mask;
        start = (start + mask) & ~mask;
        if (start < end)
        {
            _ = Advise((void*)start, end - start, AdviceDontNeed);
        }

        GC.KeepAlive(pinned);
    }

    [LibraryImport(Library, EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
