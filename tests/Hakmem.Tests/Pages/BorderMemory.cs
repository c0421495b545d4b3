using System;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Tests.Os;
using Xunit;

namespace Hakmem.Tests.Pages;

// The system's memory, except that a reservation lands where an arena in it begins a given number of bytes below a multiple of
// 1 TiB, the place at which the page map wraps.
internal sealed unsafe class BorderMemory(long bytesBelow) : OsMemory, IDisposable
{
    // Linux 4.17: as MAP_FIXED, but refused where something is mapped already.
    private const int MapFixedNoReplace = 0x100000;

    private readonly OsMemory _real = BigPages.OverIfAsked(CreateForCurrentSystem());
    private byte* _address;
    private nuint _bytes;

    public override nuint PageSize => _real.PageSize;

    public override byte* TryReserve(nuint bytes)
    {
        int flags = LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve | MapFixedNoReplace;
        for (nuint border = 1; border < 100; border++)
        {
            // The tables take up to a page map and one batch more in front of the arena.
            byte* wanted = (byte*)((border << 40) - (nuint)bytesBelow - (nuint)Arena.PageMapBytes - (64 << 20));
            _address = LinuxNative.Map(wanted, bytes, LinuxNative.ProtectNone, flags, -1, 0);
            if (_address == wanted)
            {
                _bytes = bytes;
                return _address;
            }
        }

        Assert.Fail("There is no room at any multiple of 1 TiB.");
        return null;
    }

    public override bool TryRelease(byte* address, nuint bytes) => _real.TryRelease(address, bytes);

    public override bool TryMakeReadable(byte* address, nuint bytes) => _real.TryMakeReadable(address, bytes);

    public override bool TryCommit(byte* address, nuint bytes) => _real.TryCommit(address, bytes);

    public override bool TryDecommit(byte* address, nuint bytes) => _real.TryDecommit(address, bytes);

    public override bool TryProtect(byte* address, nuint bytes) => _real.TryProtect(address, bytes);

    public override bool TryUnprotect(byte* address, nuint bytes) => _real.TryUnprotect(address, bytes);

    public override bool TryDiscard(byte* address, nuint bytes) => _real.TryDiscard(address, bytes);

    public override bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode) => _real.TryPrefault(address, bytes, mode);

    public override bool TryPopulate(byte* address, nuint bytes) => _real.TryPopulate(address, bytes);

    public override bool TryAdviseHugePages(byte* address, nuint bytes, bool enable) => _real.TryAdviseHugePages(address, bytes, enable);

    public override bool TryMove(byte* source, byte* target, nuint bytes) => _real.TryMove(source, target, bytes);

    public override bool TryReportFaults(FaultMap map) => false;

    public override bool TryReadMemoryLimit(out long bytes)
    {
        bytes = long.MaxValue;
        return true;
    }

    public override RangeState Reclaim(byte* target, nuint bytes) => _real.Reclaim(target, bytes);

    public override bool IsOutOfMappings(out long most) => _real.IsOutOfMappings(out most);

    public void Dispose() => _real.TryRelease(_address, _bytes);
}
