using System;
using System.Threading;

namespace Hakmem.Os;

// Linux: mmap, mprotect, madvise, mremap.
//
// Reserving is PROT_NONE with MAP_NORESERVE: no charge in any overcommit mode (mode 2 charges only writable private pages, so the
// charge comes with TryCommit and its refusal is an ordinary failure). Decommitting maps a fresh PROT_NONE range over the old one
// rather than protecting it: that is the one call that gives back the commit charge, and it also joins the range to its
// neighbours again, so that the number of kernel mappings stays small.
//
// Debuggers dump (gcore) what nobody can read as zeros, and the whole reservation took them hours: it is left out by
// advice. A new mapping has lost the advice, so it comes again with every decommit, and is taken back with every
// commit. Both are for the same ranges as the protection, so that the kernel has no more mappings for it; between the
// two calls there is one more.
internal sealed unsafe class LinuxMemory : OsMemory
{
    // Whether the kernel knows MADV_POPULATE_WRITE (5.14). Starts true, cleared by the first EINVAL; a stale read costs one call.
    private volatile bool _hasPopulate = true;

    // How many mappings one call may need besides those there are: a range cut out of the middle of another makes two
    // more of it, and the list of mappings has some that the limit does not count.
    private const long MappingsPerCall = 4;

    // Whether the kernel refused memory or mappings since IsOutOfMappings last looked. Any thread sets it, that one
    // clears it; a lost race costs a less telling message.
    private volatile bool _wasShort;

    public override nuint PageSize { get; } = (nuint)LinuxNative.PageSize();

    public override byte* TryReserve(nuint bytes)
    {
        byte* address = LinuxNative.Map(
            null, bytes, LinuxNative.ProtectNone, LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve, -1, 0);
        if (!NoteRefusal(address != LinuxNative.MapFailed))
        {
            return null;
        }

        LeaveOutOfDumps(address, bytes);
        return address;
    }

    public override bool TryRelease(byte* address, nuint bytes) => LinuxNative.Unmap(address, bytes) == 0;

    public override bool TryMakeReadable(byte* address, nuint bytes) =>
        NoteRefusal(LinuxNative.Protect(address, bytes, LinuxNative.ProtectRead) == 0);

    public override bool TryCommit(byte* address, nuint bytes)
    {
        if (!TryUnprotect(address, bytes))
        {
            return false;
        }

        // Without it the memory is as good, and no part of dumps.
        _ = LinuxNative.Advise(address, bytes, LinuxNative.AdviseDoDump);
        return true;
    }

    public override bool TryDecommit(byte* address, nuint bytes)
    {
        int flags = LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve | LinuxNative.MapFixed;
        if (!NoteRefusal(LinuxNative.Map(address, bytes, LinuxNative.ProtectNone, flags, -1, 0) != LinuxNative.MapFailed))
        {
            return false;
        }

        LeaveOutOfDumps(address, bytes);
        return true;
    }

    public override bool TryProtect(byte* address, nuint bytes) =>
        NoteRefusal(LinuxNative.Protect(address, bytes, LinuxNative.ProtectNone) == 0);

    public override bool TryUnprotect(byte* address, nuint bytes) =>
        NoteRefusal(LinuxNative.Protect(address, bytes, LinuxNative.ProtectRead | LinuxNative.ProtectWrite) == 0);

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
            // One write that keeps what is there. Reading first would be a fault of its own, which maps the page of
            // zeros; Interlocked.Or does that where the compiler does not know it.
            Interlocked.Add(ref *(int*)(address + offset), 0);
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

    public override bool TryReadMemoryLimit(out long bytes)
    {
        bytes = CgroupLimit.Find(LinuxFile.TryRead, out bool isComplete);
        return isComplete;
    }

    // MREMAP_DONTUNMAP (5.7) leaves the source mapped and empty, so that a move which is done leaves no hole that
    // another mmap could land in. One that is refused may: kernels before 6.17 unmap the target before they look
    // whether the source is one mapping and they have the memory.
    public override bool TryMove(byte* source, byte* target, nuint bytes)
    {
        int flags = LinuxNative.RemapMayMove | LinuxNative.RemapFixed | LinuxNative.RemapDontUnmap;
        return NoteRefusal(LinuxNative.Remap(source, bytes, bytes, flags, target) != LinuxNative.MapFailed);
    }

    // The one call that fills a hole and takes nothing over. Refused, it says that something is mapped in the range, or
    // that there is no memory for another mapping; then the mark tells whether it is the range's own.
    public override RangeState Reclaim(byte* target, nuint bytes)
    {
        int flags = LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve | LinuxNative.MapFixedNoReplace;
        byte* mapped = LinuxNative.Map(target, bytes, LinuxNative.ProtectNone, flags, -1, 0);
        if (mapped == target)
        {
            LeaveOutOfDumps(target, bytes);
            return RangeState.Reserved;
        }

        if (mapped != LinuxNative.MapFailed)
        {
            _ = LinuxNative.Unmap(mapped, bytes);
        }

        return RangeMark.IsAt(target) ? RangeState.Committed : RangeState.Foreign;
    }

    public override bool IsOutOfMappings(out long most)
    {
        most = 0;
        if (!_wasShort)
        {
            return false;
        }

        _wasShort = false;
        if (!LinuxFile.TryRead("/proc/sys/vm/max_map_count", out string? text) || text is null ||
            !LinuxFile.TryCountLines("/proc/self/maps", out long mappings))
        {
            return false;
        }

        most = CgroupLimit.Parse(text);
        return mappings >= most - MappingsPerCall;
    }

    // Advice that is refused costs whoever dumps the process time.
    private static void LeaveOutOfDumps(byte* address, nuint bytes) => _ = LinuxNative.Advise(address, bytes, LinuxNative.AdviseDontDump);

    // Passes on whether a call was done, and keeps that it was not for lack of memory or mappings. Right after the
    // call.
    private bool NoteRefusal(bool isDone)
    {
        if (!isDone && LinuxNative.LastError == LinuxNative.ErrorNoMemory)
        {
            _wasShort = true;
        }

        return isDone;
    }
}
