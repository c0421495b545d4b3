using System;
using System.Globalization;
using Hakmem.Os;

namespace Hakmem.Tests.Os;

// The system's memory as one with larger pages hands it out: it says that they are larger, reservations begin at whole ones, and a call
// about anything but whole ones is an exception, where a real system would refuse it or do it to more than was meant.
//
// With HAKMEM_TEST_PAGE_BYTES=65536 in the environment all memory of a test run comes through one: that of the process's arena and that
// of the tests' own.
internal sealed unsafe class BigPages : WrappedMemory
{
    public const string Variable = "HAKMEM_TEST_PAGE_BYTES";

    public BigPages(OsMemory real, nuint pageBytes)
        : base(real)
    {
        if (pageBytes < real.PageSize || !nuint.IsPow2(pageBytes))
        {
            throw new ArgumentOutOfRangeException(nameof(pageBytes), pageBytes, $"Must be a power of two, and at least {real.PageSize}.");
        }

        PageSize = pageBytes;
    }

    public override nuint PageSize { get; }

    // What the environment says is put over the system's memory; that memory itself if it says nothing.
    public static OsMemory OverIfAsked(OsMemory real) => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text
        ? new BigPages(real, nuint.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture))
        : ChargingMemory.OverIfAsked(real);

    // For the process's arena; before the first heap is made.
    public static void UseForThisProcess() => Decorator = OverIfAsked;

    // What is reserved beyond the whole pages goes back at once.
    public override byte* TryReserve(nuint bytes)
    {
        RequireWhole("reserve", null, bytes);
        byte* start = Real.TryReserve(bytes + PageSize);
        if (start == null)
        {
            return null;
        }

        nuint before = (PageSize - ((nuint)start % PageSize)) % PageSize;
        byte* address = start + before;
        if ((before > 0 && !Real.TryRelease(start, before)) || !Real.TryRelease(address + bytes, PageSize - before))
        {
            throw new InvalidOperationException("The ends of a reservation could not be given back.");
        }

        return address;
    }

    public override bool TryRelease(byte* address, nuint bytes) => IsWhole("release", address, bytes) && Real.TryRelease(address, bytes);

    public override bool TryMakeReadable(byte* address, nuint bytes) =>
        IsWhole("make readable", address, bytes) && Real.TryMakeReadable(address, bytes);

    // Most of the time of tests that fill their blocks would be page faults.
    public override bool TryCommit(byte* address, nuint bytes)
    {
        bool isDone = IsWhole("commit", address, bytes) && Real.TryCommit(address, bytes);
        if (isDone)
        {
            Real.TryAdviseHugePages(address, bytes, enable: true);
        }

        return isDone;
    }

    public override bool TryDecommit(byte* address, nuint bytes) => IsWhole("decommit", address, bytes) && Real.TryDecommit(address, bytes);

    public override bool TryProtect(byte* address, nuint bytes) => IsWhole("protect", address, bytes) && Real.TryProtect(address, bytes);

    public override bool TryUnprotect(byte* address, nuint bytes) => IsWhole("unprotect", address, bytes) && Real.TryUnprotect(address, bytes);

    public override bool TryDiscard(byte* address, nuint bytes) => IsWhole("discard", address, bytes) && Real.TryDiscard(address, bytes);

    public override bool TryReset(byte* address, nuint bytes) => IsWhole("reset", address, bytes) && Real.TryReset(address, bytes);

    public override bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode) =>
        IsWhole("prefault", address, bytes) && Real.TryPrefault(address, bytes, mode);

    public override bool TryPopulate(byte* address, nuint bytes) =>
        IsWhole("populate", address, bytes) && Real.TryPopulate(address, bytes);

    public override bool TryAdviseHugePages(byte* address, nuint bytes, bool enable) =>
        IsWhole("advise", address, bytes) && Real.TryAdviseHugePages(address, bytes, enable);

    public override bool TryMove(byte* source, byte* target, nuint bytes) =>
        IsWhole("move from", source, bytes) && IsWhole("move to", target, bytes) && Real.TryMove(source, target, bytes);

    private bool IsWhole(string call, byte* address, nuint bytes)
    {
        RequireWhole(call, address, bytes);
        return true;
    }

    private void RequireWhole(string call, byte* address, nuint bytes)
    {
        if (bytes == 0 || bytes % PageSize != 0 || (nuint)address % PageSize != 0)
        {
            throw new InvalidOperationException($"A call to {call} 0x{(nuint)address:x}+{bytes}, which is not whole pages of {PageSize} bytes.");
        }
    }
}
