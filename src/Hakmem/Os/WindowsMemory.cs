using System;

namespace Hakmem.Os;

// Windows: VirtualAlloc, VirtualFree, VirtualProtect.
//
// Windows charges every committed page against the system's commit limit, whether it was written or not, and whatever
// its protection. So the page map, which is readable as a whole, is only as large as the arena needs, and the arena
// covers what the machine could commit at most. Decommitting is the only call that makes pages zero and returns their
// memory at once, so a discard decommits. No call moves pages, or populates those that were never written. Large pages
// need a privilege, and are never paged, divided or decommitted in part.
internal sealed unsafe class WindowsMemory : PlainMemory
{
    // The arena's size if the system does not tell how much it can commit.
    private const long UnknownArenaBytes = 64L << 30;

    // From here on page-map entries have room for all heaps' tags.
    private const ulong HighAddress = 64UL << 30;
    private const ulong HighAddressStep = 1 << 30;
    private const int HighAddressTries = 256;

    private readonly CommitWaits _waits = new();

    // Whether the system refused to commit since the last ExplainRefusal, which clears it. Any thread sets it; a lost
    // race costs a less precise message.
    private volatile bool _wasRefused;

    public override nuint PageSize { get; } = (nuint)Environment.SystemPageSize;

    public override OsFeatures Features => OsFeatures.None;

    // All that this process may commit, by the sizes of memory and page file and by its job, rounded up to a power of
    // two: one page map entry for 64 KiB, so the map's charge is 1/8192 of that. A page file that grows by more
    // afterwards is not covered.
    public override long MaxArenaBytes
    {
        get
        {
            WindowsNative.MemoryStatus status = new() { Length = (uint)sizeof(WindowsNative.MemoryStatus) };
            ulong bytes = WindowsNative.ReadMemoryStatus(&status) != 0 ? status.TotalPageFile : UnknownArenaBytes;
            long rounded = 1;
            while ((ulong)rounded < bytes && rounded < long.MaxValue / 2)
            {
                rounded <<= 1;
            }

            return rounded;
        }
    }

    // From the top: page-map entries need high addresses, and small reservations would else land between the modules.
    // Wine ignores that wish, and gets places to try.
    public override byte* TryReserve(nuint bytes)
    {
        byte* low = TryReserveAt(null, bytes);
        if (low == null || (ulong)low >= HighAddress)
        {
            return low;
        }

        ulong step = (bytes + HighAddressStep - 1) & ~(HighAddressStep - 1);
        for (int attempt = 0; attempt < HighAddressTries; attempt++)
        {
            byte* high = TryReserveAt((byte*)(HighAddress + ((ulong)attempt * step)), bytes);
            if (high != null)
            {
                TryRelease(low, bytes);
                return high;
            }
        }

        return low;
    }

    public override bool TryRelease(byte* address, nuint bytes) =>
        WindowsNative.Free(address, 0, WindowsNative.MemoryRelease) != 0;

    public override bool TryMakeReadable(byte* address, nuint bytes) =>
        TryCommit(address, bytes, WindowsNative.PageReadOnly);

    // The second call is for pages that were readable: the first may leave their protection as it is.
    public override bool TryCommit(byte* address, nuint bytes) =>
        TryCommit(address, bytes, WindowsNative.PageReadWrite) && TryUnprotect(address, bytes);

    public override bool TryDecommit(byte* address, nuint bytes) =>
        WindowsNative.Free(address, bytes, WindowsNative.MemoryDecommit) != 0;

    public override bool TryProtect(byte* address, nuint bytes) =>
        TryChangeProtection(address, bytes, WindowsNative.PageNoAccess);

    public override bool TryUnprotect(byte* address, nuint bytes) =>
        TryChangeProtection(address, bytes, WindowsNative.PageReadWrite);

    public override bool TryDiscard(byte* address, nuint bytes) => TryDecommit(address, bytes);

    // The system need not keep the contents any more. The second call, which reports that nothing was locked, takes the
    // pages out of the working set. Neither clears them or returns their charge.
    public override bool TryReset(byte* address, nuint bytes)
    {
        bool isDone =
            WindowsNative.Allocate(address, bytes, WindowsNative.MemoryReset, WindowsNative.PageReadWrite) != null;
        _ = WindowsNative.Unlock(address, bytes);
        return isDone;
    }

    public override string? ExplainRefusal()
    {
        if (!_wasRefused)
        {
            return null;
        }

        _wasRefused = false;
        return "the system's commit limit, or that of the process's job, is used up; close programs, or enlarge the " +
            "page file or the job's limit.";
    }

    // The limits that a job object sets: for each of its processes, and for all of them together. A process that is in
    // no job, or in one without limits, has none.
    public override bool TryReadMemoryLimit(out long bytes)
    {
        bytes = long.MaxValue;
        WindowsNative.JobLimits limits = default;
        if (WindowsNative.ReadJobLimits(
            0, WindowsNative.JobExtendedLimits, &limits, (uint)sizeof(WindowsNative.JobLimits), null) == 0)
        {
            return true;
        }

        if ((limits.Flags & WindowsNative.JobLimitProcessMemory) != 0)
        {
            bytes = Math.Min(bytes, (long)Math.Min(limits.ProcessMemory, long.MaxValue));
        }

        if ((limits.Flags & WindowsNative.JobLimitJobMemory) != 0)
        {
            bytes = Math.Min(bytes, (long)Math.Min(limits.JobMemory, long.MaxValue));
        }

        return true;
    }

    // A refusal for want of commit is tried again, as CommitWaits has it.
    private bool TryCommit(byte* address, nuint bytes, uint protection)
    {
        for (int waits = 0; true; waits++)
        {
            if (WindowsNative.Allocate(address, bytes, WindowsNative.MemoryCommit, protection) != null)
            {
                return true;
            }

            int error = WindowsNative.LastError;
            _wasRefused |= error is WindowsNative.ErrorCommitmentLimit or WindowsNative.ErrorNotEnoughMemory;
            uint waitMs = error == WindowsNative.ErrorCommitmentLimit
                ? _waits.NextMs(waits, Environment.TickCount64)
                : 0;
            if (waitMs == 0)
            {
                return false;
            }

            // Not Thread.Sleep, which Thread.Interrupt ends by an exception.
            WindowsNative.Sleep(waitMs);
        }
    }

    private static byte* TryReserveAt(byte* address, nuint bytes) => WindowsNative.Allocate(
        address, bytes, WindowsNative.MemoryReserve | WindowsNative.MemoryTopDown, WindowsNative.PageNoAccess);

    private static bool TryChangeProtection(byte* address, nuint bytes, uint protection)
    {
        uint before;
        return WindowsNative.Protect(address, bytes, protection, &before) != 0;
    }
}
