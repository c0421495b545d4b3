using System;
using System.Globalization;
using Hakmem.Os;

namespace Hakmem.Tests.Os;

// The system's memory as one with larger pages hands it out: it says that they are larger, reservations begin at whole ones, and a call
// about anything but whole ones is an exception, where a real system would refuse it or do it to more than was meant.
//
// With HAKMEM_TEST_PAGE_BYTES=65536 in the environment all memory of a test run comes through one: that of the process's arena and that
// of the tests' own.
internal sealed unsafe class BigPages : OsMemory
{
    public const string Variable = "HAKMEM_TEST_PAGE_BYTES";

    private readonly OsMemory _real;

    public BigPages(OsMemory real, nuint pageBytes)
    {
        if (pageBytes < real.PageSize || !nuint.IsPow2(pageBytes))
        {
            throw new ArgumentOutOfRangeException(nameof(pageBytes), pageBytes, $"Must be a power of two, and at least {real.PageSize}.");
        }

        _real = real;
        PageSize = pageBytes;
    }

    public override nuint PageSize { get; }

    // What the environment says is put over the system's memory; that memory itself if it says nothing.
    public static OsMemory OverIfAsked(OsMemory real) => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text
        ? new BigPages(real, nuint.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture))
        : real;

    // For the process's arena; before the first heap is made.
    public static void UseForThisProcess() => Decorator = OverIfAsked;

    // What is reserved beyond the whole pages goes back at once.
    public override byte* TryReserve(nuint bytes)
    {
        RequireWhole("reserve", null, bytes);
        byte* start = _real.TryReserve(bytes + PageSize);
        if (start == null)
        {
            return null;
        }

        nuint before = (PageSize - ((nuint)start % PageSize)) % PageSize;
        byte* address = start + before;
        if ((before > 0 && !_real.TryRelease(start, before)) || !_real.TryRelease(address + bytes, PageSize - before))
        {
            throw new InvalidOperationException("The ends of a reservation could not be given back.");
        }

        return address;
    }

    public override bool TryRelease(byte* address, nuint bytes) => IsWhole("release", address, bytes) && _real.TryRelease(address, bytes);

    public override bool TryMakeReadable(byte* address, nuint bytes) =>
        IsWhole("make readable", address, bytes) && _real.TryMakeReadable(address, bytes);

    // Most of the time of tests that fill their blocks would be page faults.
    public override bool TryCommit(byte* address, nuint bytes)
    {
        bool isDone = IsWhole("commit", address, bytes) && _real.TryCommit(address, bytes);
        if (isDone)
        {
            _real.TryAdviseHugePages(address, bytes, enable: true);
        }

        return isDone;
    }

    public override bool TryDecommit(byte* address, nuint bytes) => IsWhole("decommit", address, bytes) && _real.TryDecommit(address, bytes);

    public override bool TryProtect(byte* address, nuint bytes) => IsWhole("protect", address, bytes) && _real.TryProtect(address, bytes);

    public override bool TryUnprotect(byte* address, nuint bytes) => IsWhole("unprotect", address, bytes) && _real.TryUnprotect(address, bytes);

    public override bool TryDiscard(byte* address, nuint bytes) => IsWhole("discard", address, bytes) && _real.TryDiscard(address, bytes);

    public override bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode) =>
        IsWhole("prefault", address, bytes) && _real.TryPrefault(address, bytes, mode);

    public override bool TryPopulate(byte* address, nuint bytes) =>
        IsWhole("populate", address, bytes) && _real.TryPopulate(address, bytes);

    public override bool TryAdviseHugePages(byte* address, nuint bytes, bool enable) =>
        IsWhole("advise", address, bytes) && _real.TryAdviseHugePages(address, bytes, enable);

    public override bool TryMove(byte* source, byte* target, nuint bytes) =>
        IsWhole("move from", source, bytes) && IsWhole("move to", target, bytes) && _real.TryMove(source, target, bytes);

    public override bool TryReportFaults(FaultMap map) => _real.TryReportFaults(map);

    public override bool TryReadMemoryLimit(out long bytes) => _real.TryReadMemoryLimit(out bytes);

    public override RangeState Reclaim(byte* target, nuint bytes) => _real.Reclaim(target, bytes);

    public override bool IsOutOfMappings(out long most) => _real.IsOutOfMappings(out most);

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
