using System;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Tests.Os;
using Xunit;

namespace Hakmem.Tests.Pages;

// The system's memory, except that a reservation lands where an arena in it begins a given number of bytes below a multiple of
// 1 TiB, the place at which the page map wraps.
internal sealed unsafe class BorderMemory(long bytesBelow) : WrappedMemory(BigPages.OverIfAsked(CreateForCurrentSystem())), IDisposable
{
    // That of a page map for the largest arena.
    private const nuint MapBytes = 128 << 20;

    private byte* _address;
    private nuint _bytes;

    public override byte* TryReserve(nuint bytes)
    {
        int flags = LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve | LinuxNative.MapFixedNoReplace;
        for (nuint border = 1; border < 100; border++)
        {
            // The tables take up to a page map and one batch more in front of the arena.
            byte* wanted = (byte*)((border << 40) - (nuint)bytesBelow - MapBytes - (64 << 20));
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

    public override bool TryReportFaults(FaultMap map) => false;

    public override bool TryReadMemoryLimit(out long bytes)
    {
        bytes = long.MaxValue;
        return true;
    }

    public void Dispose() => Real.TryRelease(_address, _bytes);
}
