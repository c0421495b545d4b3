using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace Hakmem.Os;

// The one seam to the operating system's virtual memory.
//
// All higher layers ask this class for pages, and nothing else asks the system. The result of a call tells whether it
// took effect: it does not throw, and a refused call has changed nothing (except TryMove). So tests can fail any call.
// What systems differ in is declared by Features and MovesPages; docs/porting.md says how to add a system.
//
// Addresses and sizes are multiples of PageSize unless a member says otherwise; sizes are in bytes and not zero.
// All members are thread-safe.
internal abstract unsafe class OsMemory
{
    // The end of each message that rejects a system.
    public const string Supported =
        "Supported are Linux, Windows and macOS on x64 and Arm64, in a 64-bit process, with pages of up to 64 KiB.";

    // Wraps the memory of the process's arena, so that a benchmark can count calls; null in every other program. Set
    // before the first heap is created, on the thread that creates it, and read once, there.
    public static Func<OsMemory, OsMemory>? Decorator { get; set; }

    // The size of a page in bytes: a power of two, 4 KiB to 64 KiB on the systems supported.
    public abstract nuint PageSize { get; }

    // What this system can do.
    public abstract OsFeatures Features { get; }

    // Whether TryMove may succeed. The first call may find out by trying, with some system calls.
    public abstract bool MovesPages { get; }

    // The most address space that an arena can use, if its page map is charged by its size; long.MaxValue for no limit.
    // Takes some system calls.
    public abstract long MaxArenaBytes { get; }

    // How often it was called to change memory, and for how long. Zero unless it counts: see TimedMemory.
    public virtual OsCallFigures CallFigures => default;

    public bool Has(OsFeatures features) => (Features & features) == features;

    // Reserves inaccessible address space that costs no memory; null if refused. The address is aligned only to a page.
    // Dumps of the process do not contain reserved pages, except core files of macOS.
    public abstract byte* TryReserve(nuint bytes);

    // Releases a whole reservation, whatever the state of its pages.
    public abstract bool TryRelease(byte* address, nuint bytes);

    // Makes reserved pages readable as zeros, without memory for them. They stay out of dumps. Without
    // OsFeatures.ReadableIsFree the system charges them like committed pages.
    public abstract bool TryMakeReadable(byte* address, nuint bytes);

    // Makes reserved or readable pages writable, and includes them in dumps. Pages are zero until they are written.
    // Committed pages in the range keep their contents.
    public abstract bool TryCommit(byte* address, nuint bytes);

    // Returns pages to the reserved state: they lose contents, memory and commit charge. Reserved pages in the range
    // stay as they are.
    public abstract bool TryDecommit(byte* address, nuint bytes);

    // Makes committed pages inaccessible. They keep their contents and their commit charge, and stay in dumps for
    // examination. Only TryUnprotect, TryDecommit and TryDiscard may be called for protected pages.
    public abstract bool TryProtect(byte* address, nuint bytes);

    // Makes committed pages writable again, protected or not. They keep their contents.
    public abstract bool TryUnprotect(byte* address, nuint bytes);

    // Drops the contents of committed pages that nobody accesses meanwhile. With OsFeatures.DiscardKeepsCommitted they
    // stay writable and read as zeros. Without it the pages are reserved again: TryCommit makes them zero and writable.
    public abstract bool TryDiscard(byte* address, nuint bytes);

    // Drops the contents of committed pages that stay readable and writable meanwhile. With OsFeatures.ResetZeroes they
    // read as zeros. Without it they read as zeros or as what they contained, until they are written.
    public abstract bool TryReset(byte* address, nuint bytes);

    // Allocates physical memory for committed pages before their first use, by the given mode.
    public abstract bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode);

    // The same by one call: false if the system has no such call, or refuses. Some of the pages may then have memory.
    public abstract bool TryPopulate(byte* address, nuint bytes);

    // Requests huge pages in a committed or reserved range (true), or forbids them (false).
    public abstract bool TryAdviseHugePages(byte* address, nuint bytes, bool enable);

    // Moves the pages of one committed range to another without copying; then the source is committed and zero. Only
    // with MovesPages. After a refusal the source is unchanged, but the target's mapping may be lost, and
    // another thread's in its place. The caller therefore writes a RangeMark into the target before, and calls Reclaim
    // after a refusal.
    public abstract bool TryMove(byte* source, byte* target, nuint bytes);

    // The state of the target of a refused move, which has its RangeMark. Changes no foreign mapping.
    public abstract RangeState Reclaim(byte* target, nuint bytes);

    // Why calls were refused since the last time, as the part of a message that says what to do about it; null if
    // nothing is known. Takes some system calls and managed memory.
    public abstract string? ExplainRefusal();

    // Makes faults at guarded blocks of an arena print a report on standard error, before anything else handles them.
    // The arena lives as long as the process. For one arena of a process; false if that is impossible.
    public abstract bool TryReportFaults(FaultMap map);

    // The bytes of whole pages that are in memory; negative if the system does not say. The range may be inaccessible.
    public virtual long CountResident(byte* address, nuint bytes) => -1;

    // The bounds of the calling thread's stack, from the lowest address to behind the highest. False if they are not
    // known. Takes some system calls.
    public virtual bool TryGetStack(out nuint begin, out nuint end)
    {
        begin = 0;
        end = 0;
        return false;
    }

    // Returns a native function without arguments that returns the processor's frame pointer, which it does not change;
    // null if compiled code keeps none on this system, or the system refuses. It is never released.
    public virtual void* TryMakeFrameReader() => null;

    // The container's limit: the bytes of physical memory beyond which the system kills the process, or the bytes that
    // it lets the process commit; long.MaxValue for none. False if a part of the answer could not be read at this
    // moment. Takes some system calls and managed memory.
    public abstract bool TryReadMemoryLimit(out long bytes);

    // The memory of the process's arena. Throws as CreateForCurrentSystem does.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OsMemory CreateForThisProcess()
    {
        OsMemory memory = new TimedMemory(CreateForCurrentSystem());
        return Decorator is null ? memory : Decorator(memory);
    }

    // The implementation for this system. Throws PlatformNotSupportedException if there is none.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OsMemory CreateForCurrentSystem() => CreateFor(
        OperatingSystem.IsLinux() ? OsSystem.Linux
        : OperatingSystem.IsWindows() ? OsSystem.Windows
        : OperatingSystem.IsMacOS() ? OsSystem.MacOS
        : OsSystem.Other,
        RuntimeInformation.ProcessArchitecture);

    // The same for a described system, so that tests can reach the refusals: the one place that chooses.
    public static OsMemory CreateFor(OsSystem system, Architecture architecture)
    {
        if (architecture is Architecture.X86 or Architecture.Arm)
        {
            throw new PlatformNotSupportedException(
                "Hakmem needs a 64-bit process: it reserves one large address range. " + Supported);
        }

        // Other processors' Linux has other constants, and some of them store the highest byte first.
        if (architecture is not (Architecture.X64 or Architecture.Arm64))
        {
            throw new PlatformNotSupportedException(
                $"Hakmem has no memory layer for the processor architecture {architecture}. {Supported}");
        }

        return system switch
        {
            OsSystem.Linux => new LinuxMemory(),
            OsSystem.Windows => CreateForWindows(),
            OsSystem.MacOS => CreateForMacOS(),
            _ => throw new PlatformNotSupportedException(
                "Hakmem has no memory layer for this operating system yet. " + Supported),
        };
    }

    // Apart, as a method loads the classes of all objects that it creates.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WindowsMemory CreateForWindows() => new();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static MacMemory CreateForMacOS() => new();

    // PrefaultMode.Touch: one write in each page, which keeps its contents. A read first would be a fault of its own,
    // for the page of zeros, and Interlocked.Or may read first.
    protected void TouchPages(byte* address, nuint bytes)
    {
        for (nuint offset = 0; offset < bytes; offset += PageSize)
        {
            Interlocked.Add(ref *(int*)(address + offset), 0);
        }
    }
}

// How often the system was called to change memory, and for how many ticks of Stopwatch.
internal readonly record struct OsCallFigures(long Count, long Ticks);

// The operating systems that memory layers are written for.
internal enum OsSystem
{
    Other,
    Linux,
    Windows,
    MacOS,
}

// What systems differ in. A layer declares what its system can do, and the tests of the layers hold it to that.
[Flags]
internal enum OsFeatures
{
    None = 0,

    // Readable pages cost nothing until they are read: the page map covers the largest arena on every machine.
    ReadableIsFree = 1 << 0,

    // TryDiscard leaves pages writable and zero, in one step.
    DiscardKeepsCommitted = 1 << 1,

    // TryReset leaves pages zero.
    ResetZeroes = 1 << 2,

    // TryPopulate may succeed.
    Populates = 1 << 3,

    // TryAdviseHugePages may succeed.
    AdvisesHugePages = 1 << 4,

    // TryReportFaults may succeed.
    ReportsFaults = 1 << 5,

    // TryRelease also releases a part of a reservation.
    ReleasesParts = 1 << 6,
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
