using System;
using System.Runtime.InteropServices;

namespace Hakmem.Os;

// Linux: mmap, mprotect, madvise, mremap.
//
// Reserving is PROT_NONE with MAP_NORESERVE: no charge in any overcommit mode. (Mode 2 charges only writable private
// pages, so TryCommit makes the charge, and a refusal is an ordinary failure there.) Decommitting maps a fresh
// PROT_NONE range over the old one rather than protecting it: no other call returns the commit charge. It also merges
// the range with its neighbours again, so that the number of kernel mappings stays small.
//
// Debuggers (gcore) dump unreadable pages as zeros, which took hours for the whole reservation: advice excludes it from
// dumps. A new mapping does not inherit the advice, so every decommit gives it again, and every commit cancels it. The
// ranges are those of the protection, so that the kernel needs no more mappings, except between the two calls.
internal sealed unsafe class LinuxMemory : OsMemory
{
    // Whether the kernel supports MADV_POPULATE_WRITE (5.14). The first EINVAL clears it; a stale read costs one call.
    private volatile bool _hasPopulate = true;

    // The most mappings that one call adds, and some spare, since the kernel lists more than its limit counts.
    private const long MappingsPerCall = 4;

    // Whether the kernel has refused memory or mappings since the last ExplainRefusal, which clears it. Any thread
    // sets it; a lost race costs a less precise message.
    private volatile bool _wasRefused;

    public LinuxMemory() => LinuxAssumptions.Check();

    public override nuint PageSize { get; } = (nuint)LinuxNative.PageSize();

    public override OsFeatures Features =>
        OsFeatures.ReadableIsFree | OsFeatures.DiscardKeepsCommitted | OsFeatures.ResetZeroes | OsFeatures.Populates |
        OsFeatures.AdvisesHugePages | OsFeatures.ReleasesParts |
        (LinuxFaultReporter.IsSupported ? OsFeatures.ReportsFaults : OsFeatures.None);

    public override bool MovesPages => LinuxPageMoves.AreReliable;

    public override long MaxArenaBytes => long.MaxValue;

    public override byte* TryReserve(nuint bytes)
    {
        byte* address = LinuxNative.Map(
            null, bytes, LinuxNative.ProtectNone, LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve, -1, 0);
        if (!RecordRefusal(address != LinuxNative.MapFailed))
        {
            return null;
        }

        ExcludeFromDumps(address, bytes);
        return address;
    }

    public override bool TryRelease(byte* address, nuint bytes) => LinuxNative.Unmap(address, bytes) == 0;

    public override bool TryMakeReadable(byte* address, nuint bytes) =>
        RecordRefusal(LinuxNative.Protect(address, bytes, LinuxNative.ProtectRead) == 0);

    public override bool TryCommit(byte* address, nuint bytes)
    {
        if (!TryUnprotect(address, bytes))
        {
            return false;
        }

        // If the kernel refuses the advice, the memory works as well, but dumps do not contain it.
        _ = LinuxNative.Advise(address, bytes, LinuxNative.AdviseDoDump);
        return true;
    }

    public override bool TryDecommit(byte* address, nuint bytes)
    {
        int flags = LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve | LinuxNative.MapFixed;
        byte* mapped = LinuxNative.Map(address, bytes, LinuxNative.ProtectNone, flags, -1, 0);
        if (!RecordRefusal(mapped != LinuxNative.MapFailed))
        {
            return false;
        }

        ExcludeFromDumps(address, bytes);
        return true;
    }

    public override bool TryProtect(byte* address, nuint bytes) =>
        RecordRefusal(LinuxNative.Protect(address, bytes, LinuxNative.ProtectNone) == 0);

    public override bool TryUnprotect(byte* address, nuint bytes) =>
        RecordRefusal(LinuxNative.Protect(address, bytes, LinuxNative.ProtectRead | LinuxNative.ProtectWrite) == 0);

    public override bool TryDiscard(byte* address, nuint bytes) =>
        LinuxNative.Advise(address, bytes, LinuxNative.AdviseDontNeed) == 0;

    public override bool TryReset(byte* address, nuint bytes) => TryDiscard(address, bytes);

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

        TouchPages(address, bytes);
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

    public override long CountResident(byte* address, nuint bytes) =>
        ResidentPages.Count((nuint)address, (nuint)address + bytes, PageSize);

    public override bool TryReportFaults(FaultMap map) => LinuxFaultReporter.TryInstall(map);

    public override bool TryGetStack(out nuint begin, out nuint end)
    {
        begin = 0;
        end = 0;
        byte* attributes = stackalloc byte[LinuxNative.MaxAttributesBytes];
        if (LinuxNative.ThreadAttributes(LinuxNative.ThreadSelf(), attributes) != 0)
        {
            return false;
        }

        byte* lowest;
        nuint bytes;
        bool isKnown = LinuxNative.StackOf(attributes, &lowest, &bytes) == 0;
        _ = LinuxNative.DestroyAttributes(attributes);
        begin = isKnown ? (nuint)lowest : 0;
        end = isKnown ? (nuint)lowest + bytes : 0;
        return isKnown;
    }

    // mov rax, rbp; ret - mov x0, x29; ret. The page is never writable and executable at once.
    public override void* TryMakeFrameReader()
    {
        ReadOnlySpan<byte> code = RuntimeInformation.ProcessArchitecture == Architecture.X64
            ? [0x48, 0x89, 0xE8, 0xC3]
            : [0xE0, 0x03, 0x1D, 0xAA, 0xC0, 0x03, 0x5F, 0xD6];
        byte* page = LinuxNative.Map(
            null, PageSize, LinuxNative.ProtectRead | LinuxNative.ProtectWrite, LinuxNative.MapPrivateAnonymous, -1, 0);
        if (page == LinuxNative.MapFailed)
        {
            return null;
        }

        code.CopyTo(new Span<byte>(page, code.Length));
        if (LinuxNative.Protect(page, PageSize, LinuxNative.ProtectRead | LinuxNative.ProtectExecute) == 0)
        {
            return page;
        }

        _ = LinuxNative.Unmap(page, PageSize);
        return null;
    }

    public override bool TryReadMemoryLimit(out long bytes)
    {
        bytes = CgroupLimit.Find(LinuxFile.TryRead, out bool isComplete);
        return isComplete;
    }

    // MREMAP_DONTUNMAP (5.7) leaves the source mapped and empty, so that a successful move leaves no hole for another
    // thread's mmap. A refused move may: kernels before 6.17 unmap the target before they check source and memory.
    public override bool TryMove(byte* source, byte* target, nuint bytes)
    {
        byte* moved = LinuxNative.Remap(source, bytes, bytes, LinuxNative.RemapAndEmpty, target);
        return RecordRefusal(moved != LinuxNative.MapFailed);
    }

    // This is the one call that fills a hole and replaces nothing. A refusal means that something is mapped in the
    // range, or that there is no memory for another mapping; the mark then tells whether the range is intact.
    public override RangeState Reclaim(byte* target, nuint bytes)
    {
        int flags = LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve | LinuxNative.MapFixedNoReplace;
        byte* mapped = LinuxNative.Map(target, bytes, LinuxNative.ProtectNone, flags, -1, 0);
        if (mapped == target)
        {
            ExcludeFromDumps(target, bytes);
            return RangeState.Reserved;
        }

        if (mapped != LinuxNative.MapFailed)
        {
            _ = LinuxNative.Unmap(mapped, bytes);
        }

        return RangeMark.IsAt(target) ? RangeState.Committed : RangeState.Foreign;
    }

    public override string? ExplainRefusal()
    {
        if (!_wasRefused)
        {
            return null;
        }

        _wasRefused = false;
        if (!LinuxFile.TryRead("/proc/sys/vm/max_map_count", out string? text) || text is null ||
            !LinuxFile.TryCountLines("/proc/self/maps", out long mappings))
        {
            return null;
        }

        long most = CgroupLimit.Parse(text);
        return mappings >= most - MappingsPerCall ? OutOfMappings(most) : null;
    }

    // The explanation for a process that has as many mappings as the system permits.
    public static string OutOfMappings(long most) =>
        $"the process has used up the {most} memory mappings that vm.max_map_count allows it; raise that " +
        $"(sysctl -w vm.max_map_count={2 * most}).";

    // A refusal only makes dumps of the process slower.
    private static void ExcludeFromDumps(byte* address, nuint bytes) =>
        _ = LinuxNative.Advise(address, bytes, LinuxNative.AdviseDontDump);

    // Returns its argument, and records a refusal for lack of memory or mappings. To be called right after the call.
    private bool RecordRefusal(bool isDone)
    {
        if (!isDone && LinuxNative.LastError == LinuxNative.ErrorNoMemory)
        {
            _wasRefused = true;
        }

        return isDone;
    }
}
