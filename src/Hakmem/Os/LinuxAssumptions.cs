using System;
using System.Diagnostics;

namespace Hakmem.Os;

// What this folder assumes of the C library and the kernel, tried once in a Debug process: constants and system call
// numbers differ between processors, and libraries (glibc, musl) might in what they pass on. Calls whose absence the
// layer handles (process_vm_readv, MADV_POPULATE_WRITE) are not among them.
internal static unsafe class LinuxAssumptions
{
    private static bool s_isChecked;

    // Throws InvalidOperationException, which names what does not hold. A second thread may check again.
    [Conditional("DEBUG")]
    public static void Check()
    {
        if (s_isChecked)
        {
            return;
        }

        s_isChecked = true;
        nuint page = (nuint)LinuxNative.PageSize();
        Require(page == (nuint)Environment.SystemPageSize, "getpagesize is the runtime's page size");
        int flags = LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve;
        byte* range = LinuxNative.Map(null, 4 * page, LinuxNative.ProtectNone, flags, -1, 0);
        Require(range != LinuxNative.MapFailed, "mmap reserves");
        try
        {
            CheckPages(range, page);
            CheckFutex(range);
        }
        finally
        {
            Require(LinuxNative.Unmap(range, 4 * page) == 0, "munmap releases");
        }
    }

    private static void CheckPages(byte* range, nuint page)
    {
        int writable = LinuxNative.ProtectRead | LinuxNative.ProtectWrite;
        Require(LinuxNative.Protect(range, 2 * page, writable) == 0, "mprotect commits");
        *range = 1;
        Require(LinuxNative.Advise(range, page, LinuxNative.AdviseDontNeed) == 0, "madvise discards");
        Require(*range == 0, "a discarded page is zero");
        Require(LinuxNative.Advise(range, page, LinuxNative.AdviseDontDump) == 0, "madvise excludes from dumps");
        Require(LinuxNative.Advise(range, page, LinuxNative.AdviseDoDump) == 0, "madvise includes in dumps");
        *range = 2;

        // Kernels before 4.17 take the address for a hint, and map elsewhere.
        int flags = LinuxNative.MapPrivateAnonymous | LinuxNative.MapFixedNoReplace;
        byte* other = LinuxNative.Map(range, page, writable, flags, -1, 0);
        Require(other != range && *range == 2, "MAP_FIXED_NOREPLACE replaces nothing");
        if (other != LinuxNative.MapFailed)
        {
            _ = LinuxNative.Unmap(other, page);
        }

        // Kernels before 5.7 refuse that.
        if (LinuxNative.Remap(range, page, page, LinuxNative.RemapAndEmpty, range + page) != LinuxNative.MapFailed)
        {
            Require(*range == 0 && range[page] == 2, "mremap moves pages and leaves zeros");
        }
    }

    // The first page is writable.
    private static void CheckFutex(byte* range)
    {
        // A wait with another value ends at once; with a wrong number for the call the wake would find nobody either.
        *(int*)range = 1;
        LinuxFutex.Wait((int*)range, 2);
        Require(LinuxFutex.WakeOne((int*)range) == 0, "the futex call wakes nobody where nobody waits");
    }

    private static void Require(bool condition, string assumption)
    {
        if (!condition)
        {
            throw new InvalidOperationException(
                $"Hakmem assumes of this Linux that {assumption}, which does not hold.");
        }
    }
}
