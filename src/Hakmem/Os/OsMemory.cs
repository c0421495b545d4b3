using System;

namespace Hakmem.Os;

// The one seam to the operating system's virtual memory.
//
// Everything above asks this class for pages and nothing else asks the system. No call throws for a refusal: each says
// by its result whether it took effect, and a call that did not has changed nothing (but see TryMove). That is what
// lets tests put a double here that fails any call they like.
//
// Addresses and sizes are multiples of PageSize unless a member says otherwise; sizes are in bytes and not zero.
// All members are thread-safe.
internal abstract unsafe class OsMemory
{
    // What every refusal of a system ends with.
    public const string Supported = "Supported is Linux, in a 64-bit process, with pages of up to 64 KiB.";

    // What a measuring program puts between the process's arena and the system, to count calls; null in every other program. Set before the
    // first heap is made, on the thread that makes it, and read once, there.
    public static Func<OsMemory, OsMemory>? Decorator { get; set; }

    // The size of a page in bytes: a power of two, 4 KiB to 64 KiB on the systems supported.
    public abstract nuint PageSize { get; }

    // Reserves inaccessible address space that costs no memory; null if refused. The address is page-aligned only. What
    // is reserved is no part of a dump of the process, however large it is.
    public abstract byte* TryReserve(nuint bytes);

    // Gives back a whole reservation, whatever state its pages are in.
    public abstract bool TryRelease(byte* address, nuint bytes);

    // Makes reserved pages readable as zeros, without taking memory for them. They stay out of dumps.
    public abstract bool TryMakeReadable(byte* address, nuint bytes);

    // Makes reserved or readable pages writable, and a part of dumps. Pages that were never written since are zero.
    public abstract bool TryCommit(byte* address, nuint bytes);

    // Returns committed pages to the reserved state: contents lost, memory and commit charge given back.
    public abstract bool TryDecommit(byte* address, nuint bytes);

    // Makes committed pages inaccessible, so that a touch is a fault. They keep their contents and their commit charge;
    // what they are to every other call does not change, except that they must be unprotected before they are anything
    // but decommitted or discarded. They stay in dumps, for whoever looks for what they held.
    public abstract bool TryProtect(byte* address, nuint bytes);

    // Makes committed pages writable again, protected or not, with the contents they have.
    public abstract bool TryUnprotect(byte* address, nuint bytes);

    // Drops the contents of committed pages: they stay writable and read as zeros.
    public abstract bool TryDiscard(byte* address, nuint bytes);

    // Gives committed pages physical memory before they are touched, by the given mode.
    public abstract bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode);

    // The same in one call, or not at all: false where the system has no such call, or refuses. Which pages came then is not known.
    public abstract bool TryPopulate(byte* address, nuint bytes);

    // Asks for (true) or refuses (false) huge pages in a committed or reserved range.
    public abstract bool TryAdviseHugePages(byte* address, nuint bytes, bool enable);

    // Moves the pages of one committed range to another of the same size without copying: afterwards the target holds
    // the contents and the source is committed and zero. The one call that may change something although it is refused:
    // the source is as it was, but the target's mapping may be gone, and its place in the hands of another thread. So
    // the target gets a RangeMark before, and Reclaim says what it is afterwards.
    public abstract bool TryMove(byte* source, byte* target, nuint bytes);

    // After a refused move: what has become of its target, which had its RangeMark. Touches nothing that is not this
    // library's.
    public abstract RangeState Reclaim(byte* target, nuint bytes);

    // Whether what was refused since the last time was refused because the process has as many mappings as the system
    // lets it have, and how many that is. Takes some system calls and managed memory; for messages.
    public abstract bool IsOutOfMappings(out long most);

    // From now on has faults at guarded blocks of an arena, which must live as long as the process, told on standard error before
    // whatever else happens to them. For one arena of a process; false where that is not to be had.
    public abstract bool TryReportFaults(FaultMap map);

    // How many bytes of physical memory the process may have before the system kills it, as a container's limit says;
    // long.MaxValue where nothing says so. False where not all that may say so could be read at this moment: the bytes
    // are what the rest says. Takes some system calls and managed memory.
    public abstract bool TryReadMemoryLimit(out long bytes);

    // What the process's arena gets its memory from. Throws as CreateForCurrentSystem does.
    public static OsMemory CreateForThisProcess()
    {
        OsMemory memory = CreateForCurrentSystem();
        return Decorator is null ? memory : Decorator(memory);
    }

    // The implementation for the system this process runs on.
    // Throws PlatformNotSupportedException where there is none.
    public static OsMemory CreateForCurrentSystem() => CreateFor(OperatingSystem.IsLinux(), nint.Size);

    // The same for a system that is described: a test's way to the refusals.
    public static OsMemory CreateFor(bool isLinux, int pointerBytes)
    {
        if (pointerBytes != 8)
        {
            throw new PlatformNotSupportedException("Hakmem needs a 64-bit process: it reserves one large address range. " + Supported);
        }

        return isLinux
            ? new LinuxMemory()
            : throw new PlatformNotSupportedException("Hakmem has no memory layer for this operating system yet. " + Supported);
    }
}
