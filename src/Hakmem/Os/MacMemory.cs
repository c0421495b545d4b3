using System;

namespace Hakmem.Os;

// macOS: mmap, munmap, mprotect, written against the documented calls (xnu). It has run on no Mac yet; the tests hold
// its sequence of calls.
//
// Pages have 16 KiB on Arm64. MADV_DONTNEED and MADV_FREE neither clear pages nor return them at once, so a discard
// maps fresh memory over the range, which one call does. Commit is not charged. There is no mremap, and no call
// populates pages that were never written; only whole mappings can have 2 MiB pages, on x64 alone. A page that is read
// gets memory, since there is no shared page of zeros: so the page map costs what of it is read, at most.
internal sealed unsafe class MacMemory(MacSystem system) : PlainMemory
{
    public MacMemory()
        : this(new MacSystem())
    {
    }

    public override nuint PageSize { get; } = (nuint)Environment.SystemPageSize;

    public override OsFeatures Features =>
        OsFeatures.ReadableIsFree | OsFeatures.DiscardKeepsCommitted | OsFeatures.ResetZeroes |
        OsFeatures.ReleasesParts;

    public override long MaxArenaBytes => long.MaxValue;

    // The kernel keeps a record for each part of a range: for 1 TiB in parts of 128 MiB, 8,192. A kernel that does not
    // know the option refuses it.
    public override byte* TryReserve(nuint bytes)
    {
        byte* address = Reserve(bytes, MacSystem.InLargeParts);
        address = address == MacSystem.MapFailed ? Reserve(bytes, 0) : address;
        return address == MacSystem.MapFailed ? null : address;
    }

    public override bool TryRelease(byte* address, nuint bytes) => system.Unmap(address, bytes) == 0;

    public override bool TryMakeReadable(byte* address, nuint bytes) =>
        system.Protect(address, bytes, MacSystem.ProtectRead) == 0;

    public override bool TryCommit(byte* address, nuint bytes) => TryUnprotect(address, bytes);

    public override bool TryDecommit(byte* address, nuint bytes) =>
        Map(address, bytes, MacSystem.ProtectNone, MacSystem.MapFixed | MacSystem.MapNoReserve) == address;

    public override bool TryProtect(byte* address, nuint bytes) =>
        system.Protect(address, bytes, MacSystem.ProtectNone) == 0;

    public override bool TryUnprotect(byte* address, nuint bytes) =>
        system.Protect(address, bytes, MacSystem.ProtectRead | MacSystem.ProtectWrite) == 0;

    // Also for protected pages, which this makes writable: the callers make such pages inaccessible or writable next.
    public override bool TryDiscard(byte* address, nuint bytes) =>
        Map(address, bytes, MacSystem.ProtectRead | MacSystem.ProtectWrite, MacSystem.MapFixed) == address;

    // The kernel replaces the mapping in one step, so that a concurrent reader never faults.
    public override bool TryReset(byte* address, nuint bytes) => TryDiscard(address, bytes);

    public override string? ExplainRefusal() => null;

    // macOS has no containers.
    public override bool TryReadMemoryLimit(out long bytes)
    {
        bytes = long.MaxValue;
        return true;
    }

    private byte* Reserve(nuint bytes, int options) =>
        Map(null, bytes, MacSystem.ProtectNone, MacSystem.MapNoReserve, options);

    // The tag names this library's memory in vmmap and Instruments, in the place of a file descriptor.
    private byte* Map(byte* address, nuint bytes, int protection, int flags, int options = 0) => system.Map(
        address, bytes, protection, flags | MacSystem.MapPrivateAnonymous, MacSystem.MemoryTag | options, 0);
}
