using System;
using System.Threading;

namespace Hakmem.Os;

// Linux: mmap, mprotect, madvise, mremap.
//
// Reserving is PROT_NONE with MAP_NORESERVE: no charge in any overcommit mode (mode 2 charges only writable private pages, so the
// charge comes with TryCommit and its refusal is an ordinary failure). Decommitting maps a fresh PROT_NONE range over the old one
// rather than protecting it: that is the one call that gives back the commit charge, and it also joins the range to its
// neighbours again, so that the number of kernel mappings stays small.
internal sealed unsafe class LinuxMemory : OsMemory
{
    // Whether the kernel knows MADV_POPULATE_WRITE (5.14). Starts true, cleared by the first EINVAL; a stale read costs one call.
    private volatile bool _hasPopulate = true;

    public override nuint PageSize { get; } = (nuint)LinuxNative.PageSize();

    public override byte* TryReserve(nuint bytes)
    {
        byte* address = LinuxNative.Map(
            null, bytes, LinuxNative.ProtectNone, LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve, -1, 0);
        return address == LinuxNative.MapFailed ? null : address;
    }

    public override bool TryRelease(byte* address, nuint bytes) => LinuxNative.Unmap(address, bytes) == 0;

    public override bool TryMakeReadable(byte* address, nuint bytes) =>
        LinuxNative.Protect(address, bytes, LinuxNative.ProtectRead) == 0;

    public override bool TryCommit(byte* address, nuint bytes) =>
        LinuxNative.Protect(address, bytes, LinuxNative.ProtectRead | LinuxNative.ProtectWrite) == 0;

    public override bool TryDecommit(byte* address, nuint bytes)
    {
        int flags = LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve | LinuxNative.MapFixed;
        return LinuxNative.Map(address, bytes, LinuxNative.ProtectNone, flags, -1, 0) != LinuxNative.MapFailed;
    }

    public override bool TryProtect(byte* address, nuint bytes) =>
        LinuxNative.Protect(address, bytes, LinuxNative.ProtectNone) == 0;

    public override bool TryUnprotect(byte* address, nuint bytes) => TryCommit(address, bytes);

    public override bool TryDiscard(byte* address, nuint bytes) =>
        LinuxNative.Advise(address, bytes, LinuxNative.AdviseDontNeed) == 0;

    public override bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode)
    {
        switch (mode)
        {
            case PrefaultMode.None:
                return true;
            case PrefaultMode.WillNeed:
                return LinuxNative.Advise(address, bytes, LinuxNative.AdviseWillNeed) == 0;
            case PrefaultMode.Populate:
                if (TryPopulate(address, bytes))
                {
                    return true;
                }

                if (_hasPopulate)
                {
                    return false;
                }

                break;
        }

        for (nuint offset = 0; offset < bytes; offset += PageSize)
        {
            // One write that keeps what is there. Reading first would be a fault of its own, which maps the page of zeros.
            Interlocked.Or(ref *(int*)(address + offset), 0);
        }

        return true;
    }

    public override bool TryPopulate(byte* address, nuint bytes)
    {
        if (_hasPopulate && LinuxNative.Advise(address, bytes, LinuxNative.AdvisePopulateWrite) == 0)
        {
            return true;
        }

        if (_hasPopulate && LinuxNative.LastError == LinuxNative.ErrorInvalid)
        {
            _hasPopulate = false;
        }

        return false;
    }

    public override bool TryAdviseHugePages(byte* address, nuint bytes, bool enable) =>
        LinuxNative.Advise(address, bytes, enable ? LinuxNative.AdviseHugePage : LinuxNative.AdviseNoHugePage) == 0;

    public override bool TryReportFaults(FaultMap map) => LinuxFaultReporter.TryInstall(map);

    public override long ReadMemoryLimit() => CgroupLimit.Find(LinuxFile.TryRead);

    // MREMAP_DONTUNMAP (5.7) leaves the source mapped and empty, so the arena never has a hole that another mmap could land in.
    public override bool TryMove(byte* source, byte* target, nuint bytes)
    {
        int flags = LinuxNative.RemapMayMove | LinuxNative.RemapFixed | LinuxNative.RemapDontUnmap;
        return LinuxNative.Remap(source, bytes, bytes, flags, target) != LinuxNative.MapFailed;
    }
}
