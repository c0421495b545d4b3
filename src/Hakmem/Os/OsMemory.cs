using System;

namespace Hakmem.Os;

// The one seam to the operating system's virtual memory.
//
// All higher layers ask this class for pages, and nothing else asks the system. The result of a call tells whether it
// took effect: it does not throw, and a refused call has changed nothing (except TryMove). So tests can fail any call.
//
// Addresses and sizes are multiples of PageSize unless a member says otherwise; sizes are in bytes and not zero.
// All members are thread-safe.
internal abstract unsafe class OsMemory
{
    // The end of each message that rejects a system.
    public const string Supported = "Supported is Linux, in a 64-bit process, with pages of up to 64 KiB.";

    // Wraps the memory of the process's arena, so that a benchmark can count calls; null in every other program. Set
    // before the first heap is created, on the thread that creates it, and read once, there.
    public static Func<OsMemory, OsMemory>? Decorator { get; set; }

    // The size of a page in bytes: a power of two, 4 KiB to 64 KiB on the systems supported.
    public abstract nuint PageSize { get; }

    // Reserves inaccessible address space that costs no memory; null if refused. The address is aligned only to a page.
    // Dumps of the process do not contain reserved pages.
    public abstract byte* TryReserve(nuint bytes);

    // Releases a whole reservation, whatever the state of its pages.
    public abstract bool TryRelease(byte* address, nuint bytes);

    // Makes reserved pages readable as zeros, without memory for them. They stay out of dumps.
    public abstract bool TryMakeReadable(byte* address, nuint bytes);

    // Makes reserved or readable pages writable, and includes them in dumps. Pages are zero until they are written.
    public abstract bool TryCommit(byte* address, nuint bytes);

    // Returns committed pages to the reserved state: they lose contents, memory and commit charge.
    public abstract bool TryDecommit(byte* address, nuint bytes);

    // Makes committed pages inaccessible. They keep their contents and their commit charge, and stay in dumps for
    // examination. Only TryUnprotect, TryDecommit and TryDiscard may be called for protected pages.
    public abstract bool TryProtect(byte* address, nuint bytes);

    // Makes committed pages writable again, protected or not. They keep their contents.
    public abstract bool TryUnprotect(byte* address, nuint bytes);

    // Drops the contents of committed pages: they stay writable and read as zeros.
    public abstract bool TryDiscard(byte* address, nuint bytes);

    // Allocates physical memory for committed pages before their first use, by the given mode.
    public abstract bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode);

    // The same by one call: false if the system has no such call, or refuses. Some of the pages may then have memory.
    public abstract bool TryPopulate(byte* address, nuint bytes);

    // Requests huge pages in a committed or reserved range (true), or forbids them (false).
    public abstract bool TryAdviseHugePages(byte* address, nuint bytes, bool enable);

    // Moves the pages of one committed range to another without copying; then the source is committed and zero. After a
    // refusal the source is unchanged, but the target's mapping may be lost, and another thread's in its place. The
    // caller therefore writes a RangeMark into the target before, and calls Reclaim after a refusal.
    public abstract bool TryMove(byte* source, byte* target, nuint bytes);

    // The state of the target of a refused move, which has its RangeMark. Changes no foreign mapping.
    public abstract RangeState Reclaim(byte* target, nuint bytes);

    // Whether calls were refused since the last time because the process has as many mappings as the system permits,
    // and how many that is. Takes some system calls and managed memory; for messages.
    public abstract bool IsOutOfMappings(out long most);

    // Makes faults at guarded blocks of an arena print a report on standard error, before anything else handles them.
    // The arena lives as long as the process. For one arena of a process; false if that is impossible.
    public abstract bool TryReportFaults(FaultMap map);

    // The container's limit: the bytes of physical memory beyond which the system kills the process; long.MaxValue for
    // none. False if a part of the answer could not be read at this moment. Takes some system calls and managed memory.
    public abstract bool TryReadMemoryLimit(out long bytes);

    // The memory of the process's arena. Throws as CreateForCurrentSystem does.
    public static OsMemory CreateForThisProcess()
    {
        OsMemory memory = CreateForCurrentSystem();
        return Decorator is null ? memory : Decorator(memory);
    }

    // The implementation for this system. Throws PlatformNotSupportedException if there is none.
    public static OsMemory CreateForCurrentSystem() => CreateFor(OperatingSystem.IsLinux(), nint.Size);

    // The same for a described system, so that tests can reach the refusals.
    public static OsMemory CreateFor(bool isLinux, int pointerBytes)
    {
        if (pointerBytes != 8)
        {
            throw new PlatformNotSupportedException(
                "Hakmem needs a 64-bit process: it reserves one large address range. " + Supported);
        }

        return isLinux
            ? new LinuxMemory()
            : throw new PlatformNotSupportedException(
                "Hakmem has no memory layer for this operating system yet. " + Supported);
    }
}

// The state of a range that was the target of a refused move.
internal enum RangeState
{
    // Unchanged: committed.
    Committed,

    // Its mapping was lost, and it is reserved again.
    Reserved,

    // A foreign mapping is in it, or may be: it must never be accessed or unmapped again.
    Foreign,
}
