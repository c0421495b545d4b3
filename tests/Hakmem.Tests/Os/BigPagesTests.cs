using System;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Os;

// That the double finds what it is there to find.
[Needs(SystemNeed.ReleasesParts)]
public sealed unsafe class BigPagesTests : IDisposable
{
    private const nuint Page = 64 << 10;
    private const nuint Bytes = 16 * Page;

    private readonly BigPages _os = new(OsMemory.CreateForCurrentSystem(), Page);
    private readonly byte* _range;

    public BigPagesTests()
    {
        _range = _os.TryReserve(Bytes);
        Assert.True(_range != null);
        Assert.True(_os.TryCommit(_range, Bytes));
    }

    public void Dispose() => Assert.True(_os.TryRelease(_range, Bytes));

    [Fact]
    [Needs(SystemNeed.Pages)]
    public void ReservationsBeginAtWholePages()
    {
        // An odd number of real pages first, so that not every place is a whole page by chance.
        OsMemory real = OsMemory.CreateForCurrentSystem();
        for (nuint i = 1; i < 20; i++)
        {
            byte* between = real.TryReserve(real.PageSize);
            byte* range = _os.TryReserve(Page);
            Assert.Equal((nuint)0, (nuint)range % Page);
            Assert.Equal("---p", Mappings.ProtectionOf(range + Page - 1));
            Assert.True(_os.TryCommit(range, Page));
            range[Page - 1] = 1;
            Assert.True(_os.TryRelease(range, Page));
            Assert.True(real.TryRelease(between, real.PageSize));
        }
    }

    [Theory]
    [InlineData(OsCall.Release)]
    [InlineData(OsCall.MakeReadable)]
    [InlineData(OsCall.Commit)]
    [InlineData(OsCall.Decommit)]
    [InlineData(OsCall.Protect)]
    [InlineData(OsCall.Unprotect)]
    [InlineData(OsCall.Discard)]
    [InlineData(OsCall.Prefault)]
    [InlineData(OsCall.AdviseHugePages)]
    [InlineData(OsCall.Move)]
    public void APartOfAPageIsAnException(OsCall kind)
    {
        const nuint RealPage = 4096;
        Assert.Throws<InvalidOperationException>(() => Call(kind, _range + RealPage, Page));
        Assert.Throws<InvalidOperationException>(() => Call(kind, _range, Page + RealPage));
        Assert.Throws<InvalidOperationException>(() => Call(kind, _range, 0));
    }

    [Fact]
    public void ALengthThatIsNotWholePagesCannotBeReserved() =>
        Assert.Throws<InvalidOperationException>(() => { _os.TryReserve(Page + 4096); });

    private bool Call(OsCall kind, byte* address, nuint bytes) => kind switch
    {
        OsCall.Release => _os.TryRelease(address, bytes),
        OsCall.MakeReadable => _os.TryMakeReadable(address, bytes),
        OsCall.Commit => _os.TryCommit(address, bytes),
        OsCall.Decommit => _os.TryDecommit(address, bytes),
        OsCall.Protect => _os.TryProtect(address, bytes),
        OsCall.Unprotect => _os.TryUnprotect(address, bytes),
        OsCall.Discard => _os.TryDiscard(address, bytes),
        OsCall.Prefault => _os.TryPrefault(address, bytes, PrefaultMode.Touch),
        OsCall.AdviseHugePages => _os.TryAdviseHugePages(address, bytes, enable: true),
        OsCall.Move => _os.TryMove(_range + (8 * Page), address, bytes),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };
}
