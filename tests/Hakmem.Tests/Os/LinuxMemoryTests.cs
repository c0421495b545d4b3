using System;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Os;

// What OsMemory promises, against the kernel's own account of the pages.
[Collection(AloneCollection.Name)]
[Needs(SystemNeed.Linux, SystemNeed.Pages)]
public sealed unsafe class LinuxMemoryTests : IDisposable
{
    private const int Pages = 32;
    private const int HolePages = 4;
    private const int Tries = 5;

    private readonly OsMemory _os = OsMemory.CreateForCurrentSystem();
    private readonly nuint _bytes;
    private byte* _range;

    public LinuxMemoryTests()
    {
        _bytes = Pages * _os.PageSize;
        ReserveRange();
    }

    private nuint Page => _os.PageSize;

    public void Dispose()
    {
        Assert.True(_os.TryRelease(_range, _bytes));
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void ThePageSizeIsTheSystemsAndAPowerOfTwo()
    {
        Assert.Equal((nuint)Environment.SystemPageSize, Page);
        Assert.True(nuint.IsPow2(Page));
    }

    [Fact]
    public void AReservationIsPageAlignedAndHoldsNoPages()
    {
        Assert.Equal((nuint)0, (nuint)_range % Page);
        Assert.Equal(0, Residency.BytesIn(_range, _bytes));
        Assert.Equal("---p", Mappings.ProtectionOf(_range));
    }

    [Fact]
    public void AReservationThatCannotBeHadIsNull() => Assert.True(_os.TryReserve((nuint)1 << 62) == null);

    [Fact]
    public void ReadablePagesAreZeroAndTakeNoMemory()
    {
        Assert.True(_os.TryMakeReadable(_range, _bytes));
        Assert.Equal("r--p", Mappings.ProtectionOf(_range));
        Pattern.VerifyZero(_range, _bytes);
        Assert.True(_os.TryCommit(_range, _bytes));
        Pattern.VerifyZero(_range, _bytes);
        _range[0] = 1;
    }

    [Fact]
    public void CommittedPagesAreZeroAndComeOneByOne()
    {
        Assert.True(_os.TryCommit(_range, _bytes));
        Assert.Equal("rw-p", Mappings.ProtectionOf(_range));
        Assert.Equal(0, Residency.BytesIn(_range, _bytes));
        Pattern.VerifyZero(_range, _bytes);
        _range[5 * Page] = 1;
        Assert.True(Residency.BytesIn(_range + (5 * Page), Page) == (long)Page);
    }

    // A debugger's dump has everything that is not left out by request: of the arena that would be a tebibyte.
    [Fact]
    public void WhatNobodyCanReadIsNotForDumps()
    {
        (long, long) none = (0, 0);
        Assert.Equal(none, Mappings.DumpFaultsIn(_range, (long)_bytes));
        Assert.True(_os.TryCommit(_range + (4 * Page), 8 * Page));
        Assert.Equal(none, Mappings.DumpFaultsIn(_range, (long)_bytes));
        Assert.True(_os.TryDecommit(_range + (6 * Page), 3 * Page));
        Assert.Equal(none, Mappings.DumpFaultsIn(_range, (long)_bytes));
        Assert.True(_os.TryCommit(_range, _bytes));
        Assert.Equal(none, Mappings.DumpFaultsIn(_range, (long)_bytes));
    }

    [Fact]
    public void ReadableZerosAreNotForDumps()
    {
        Assert.True(_os.TryMakeReadable(_range, _bytes));
        Assert.Equal((0, (long)_bytes), Mappings.DumpFaultsIn(_range, (long)_bytes));
        Assert.True(_os.TryCommit(_range, Page));
        Assert.Equal((0, (long)(_bytes - Page)), Mappings.DumpFaultsIn(_range, (long)_bytes));
    }

    [Fact]
    public void ProtectedPagesCannotBeTouchedAndKeepTheirContents()
    {
        Assert.True(_os.TryCommit(_range, _bytes));
        Pattern.Fill(_range, _bytes, 7);
        Assert.True(_os.TryProtect(_range + (4 * Page), 3 * Page));
        Assert.Equal("rw-p", Mappings.ProtectionOf(_range + (3 * Page)));
        Assert.Equal("---p", Mappings.ProtectionOf(_range + (4 * Page)));
        Assert.Equal("---p", Mappings.ProtectionOf(_range + (6 * Page)));
        Assert.Equal("rw-p", Mappings.ProtectionOf(_range + (7 * Page)));
        Assert.True(_os.TryUnprotect(_range, _bytes));
        Assert.Equal("rw-p", Mappings.ProtectionOf(_range + (4 * Page)));
        Pattern.Verify(_range, _bytes, 7);
    }

    [Fact]
    public void ProtectedPagesCanBeDiscardedAndDecommitted()
    {
        Assert.True(_os.TryCommit(_range, _bytes));
        Pattern.Fill(_range, _bytes, 7);
        Assert.True(_os.TryProtect(_range, _bytes));
        Assert.True(_os.TryDiscard(_range, _bytes / 2));
        Assert.Equal((long)_bytes / 2, Residency.BytesIn(_range, _bytes));
        Assert.True(_os.TryDecommit(_range, _bytes));
        Assert.Equal(0, Residency.BytesIn(_range, _bytes));
        Assert.True(_os.TryCommit(_range, _bytes));
        Pattern.VerifyZero(_range, _bytes);
    }

    [Fact]
    public void CommitStaysWithinItsRange()
    {
        Assert.True(_os.TryCommit(_range + (4 * Page), 3 * Page));
        Assert.Equal("---p", Mappings.ProtectionOf(_range + (3 * Page)));
        Assert.Equal("rw-p", Mappings.ProtectionOf(_range + (4 * Page)));
        Assert.Equal("rw-p", Mappings.ProtectionOf(_range + (6 * Page)));
        Assert.Equal("---p", Mappings.ProtectionOf(_range + (7 * Page)));
    }

    [Fact]
    public void CommittingTwiceKeepsTheContents()
    {
        CommitFilled(1);
        Assert.True(_os.TryCommit(_range, _bytes));
        Pattern.Verify(_range, _bytes, 1);
    }

    [Fact]
    public void DecommittedPagesAreGoneAndComeBackAsZeros()
    {
        CommitFilled(2);
        Assert.True(_os.TryDecommit(_range + Page, 2 * Page));
        Assert.Equal("---p", Mappings.ProtectionOf(_range + Page));
        Assert.Equal(0, Residency.BytesIn(_range + Page, 2 * Page));
        Pattern.Verify(_range, Page, 2);
        Assert.Equal((long)(_bytes - (2 * Page)), Residency.BytesIn(_range, _bytes));
        Assert.True(_os.TryCommit(_range + Page, 2 * Page));
        Pattern.VerifyZero(_range + Page, 2 * Page);
    }

    [Fact]
    public void DiscardedPagesAreZeroAndStillWritable()
    {
        CommitFilled(3);
        Assert.True(_os.TryDiscard(_range + Page, 2 * Page));
        Assert.Equal(0, Residency.BytesIn(_range + Page, 2 * Page));
        Assert.Equal((long)(_bytes - (2 * Page)), Residency.BytesIn(_range, _bytes));
        Pattern.VerifyZero(_range + Page, 2 * Page);
        Pattern.Verify(_range, Page, 3);
        _range[Page] = 1;
    }

    [Theory]
    [InlineData(PrefaultMode.Populate, true)]
    [InlineData(PrefaultMode.Touch, true)]
    [InlineData(PrefaultMode.None, false)]
    public void PrefaultPopulatesExactlyItsRange(PrefaultMode mode, bool populates)
    {
        Assert.True(_os.TryCommit(_range, _bytes));
        Assert.True(_os.TryPrefault(_range + (8 * Page), 8 * Page, mode));
        Assert.Equal(populates ? (long)(8 * Page) : 0, Residency.BytesIn(_range + (8 * Page), 8 * Page));
        Assert.Equal(0, Residency.BytesIn(_range, 8 * Page));
        Assert.Equal(0, Residency.BytesIn(_range + (16 * Page), 16 * Page));
        Pattern.VerifyZero(_range, _bytes);
    }

    // As a kernel before 5.14 answers the call: of a range that does not begin with a page, every kernel says that the argument is invalid.
    [Fact]
    public void WhereTheKernelHasNoCallToPopulateItIsNotMadeAgainAndPrefaultingTouches()
    {
        Assert.True(_os.TryCommit(_range, _bytes));
        Assert.True(_os.TryPopulate(_range, Page));
        Assert.False(_os.TryPopulate(_range + 1, Page));
        Assert.False(_os.TryPopulate(_range + Page, Page));
        Assert.Equal(0, Residency.BytesIn(_range + Page, _bytes - Page));
        Assert.True(_os.TryPrefault(_range + Page, 2 * Page, PrefaultMode.Populate));
        Assert.Equal((long)(2 * Page), Residency.BytesIn(_range + Page, _bytes - Page));
    }

    // Reading a page before writing to it would be two faults.
    [Fact]
    public void TouchIsOneFaultAPage()
    {
        Assert.True(_os.TryCommit(_range, _bytes));
        _os.TryPrefault(_range, Page, PrefaultMode.Touch);

        // The runtime may have faults of its own on this thread, but hardly in every try.
        long least = long.MaxValue;
        for (int i = 0; i < Tries; i++)
        {
            Assert.True(_os.TryDiscard(_range, _bytes));
            long before = Residency.MinorFaultsOfThisThread;
            _os.TryPrefault(_range, _bytes, PrefaultMode.Touch);
            least = Math.Min(least, Residency.MinorFaultsOfThisThread - before);
        }

        Assert.InRange(least, 1, (2 * Pages) - (Pages / 4));
    }

    [Fact]
    public void WillNeedIsAcceptedWhateverItDoes()
    {
        Assert.True(_os.TryCommit(_range, _bytes));
        Assert.True(_os.TryPrefault(_range, _bytes, PrefaultMode.WillNeed));
        Pattern.VerifyZero(_range, _bytes);
    }

    [Theory]
    [InlineData(PrefaultMode.Populate)]
    [InlineData(PrefaultMode.Touch)]
    public void PrefaultKeepsWhatIsThere(PrefaultMode mode)
    {
        CommitFilled(4);
        Assert.True(_os.TryPrefault(_range, _bytes, mode));
        Pattern.Verify(_range, _bytes, 4);
    }

    [Fact]
    public void HugePagesCanBeAskedForAndRefused()
    {
        Assert.True(_os.TryAdviseHugePages(_range, _bytes, enable: true));
        Assert.True(_os.TryAdviseHugePages(_range, _bytes, enable: false));
    }

    [Fact]
    public void MoveTakesThePagesAndLeavesZeros()
    {
        CommitFilled(5);
        byte* target = _range + (16 * Page);
        Pattern.Fill(_range, 8 * Page, 6);
        Assert.True(_os.MovesPages);
        Assert.True(_os.TryMove(_range, target, 8 * Page));
        Assert.Equal(0, Residency.BytesIn(_range, 8 * Page));
        Pattern.Verify(target, 8 * Page, 6);
        Pattern.VerifyZero(_range, 8 * Page);
        _range[0] = 1;
        Assert.Equal("rw-p", Mappings.ProtectionOf(_range));
        Assert.Equal("rw-p", Mappings.ProtectionOf(target));
    }

    [Fact]
    public void AMoveThatIsRefusedKeepsTheSource()
    {
        CommitFilled(7);

        // Overlapping ranges are refused by every kernel.
        Assert.False(_os.TryMove(_range, _range + Page, 4 * Page));
        Pattern.Verify(_range, _bytes, 7);
    }

    [Fact]
    public void ATargetThatARefusedMoveLeftIsCommittedStill()
    {
        CommitFilled(7);
        RangeMark.Write(_range + Page);
        Assert.False(_os.TryMove(_range, _range + Page, 4 * Page));
        Assert.Equal(RangeState.Committed, _os.Reclaim(_range + Page, 4 * Page));
        Assert.Equal("rw-p", Mappings.ProtectionOf(_range + Page));
    }

    [Fact]
    public void AHoleIsReservedAnew()
    {
        byte* target = MakeHole();
        RangeState state = _os.Reclaim(target, HolePages * Page);
        for (int i = 1; i < Tries && state == RangeState.Foreign && CountMapped(target) > 0; i++)
        {
            ReserveRange();
            target = MakeHole();
            state = _os.Reclaim(target, HolePages * Page);
        }

        Assert.Equal(RangeState.Reserved, state);
        Assert.Equal("---p", Mappings.ProtectionOf(target));
        Assert.Equal((0, 0), Mappings.DumpFaultsIn(_range, (long)_bytes));
        Assert.True(_os.TryCommit(target, HolePages * Page));
        Pattern.VerifyZero(target, HolePages * Page);
    }

    // Wherever in the hole it lies, and whether it can be read or not.
    [Theory]
    [InlineData(0, LinuxNative.ProtectNone)]
    [InlineData(0, LinuxNative.ProtectRead)]
    [InlineData(3, LinuxNative.ProtectNone)]
    [InlineData(3, LinuxNative.ProtectRead | LinuxNative.ProtectWrite)]
    public void AForeignMappingInAHoleIsToldAndLeft(int page, int protection)
    {
        bool isAlone = false;
        for (int i = 0; i < Tries && !isAlone; i++)
        {
            byte* target = MakeHole();
            byte* foreign = target + ((nuint)page * Page);
            bool isMapped = TryMap(foreign, protection);
            string before = Mappings.ProtectionOf(foreign);
            RangeState state = _os.Reclaim(target, HolePages * Page);
            string after = Mappings.ProtectionOf(foreign);
            isAlone = isMapped && CountMapped(target) == 1;
            if (isAlone)
            {
                Assert.Equal(RangeState.Foreign, state);
                Assert.Equal(before, after);
            }

            CloseHole(target, isMapped ? page : -1);
        }

        Assert.True(isAlone, "The hole had more mappings than the test's own, in every try.");
    }

    // The mark of one place says nothing at another.
    [Fact]
    public void AMarkIsKnownInItsPlaceOnly()
    {
        CommitFilled(7);
        RangeMark.Write(_range);
        Assert.True(RangeMark.IsAt(_range));
        Buffer.MemoryCopy(_range, _range + Page, 64, 64);
        Assert.False(RangeMark.IsAt(_range + Page));
    }

    [Fact]
    public void AMovedRangeCanBeMovedAgainAndDecommitted()
    {
        CommitFilled(8);
        Pattern.Fill(_range, 4 * Page, 9);
        Assert.True(_os.TryMove(_range, _range + (8 * Page), 4 * Page));
        Assert.True(_os.TryMove(_range + (8 * Page), _range + (16 * Page), 4 * Page));
        Pattern.Verify(_range + (16 * Page), 4 * Page, 9);
        Assert.True(_os.TryDecommit(_range, _bytes));
        Assert.Equal(0, Residency.BytesIn(_range, _bytes));
        Assert.True(_os.TryCommit(_range, _bytes));
        Pattern.VerifyZero(_range, _bytes);
    }

    // A range that is left for another stays: a thread of the runtime has a mapping in it.
    private void ReserveRange()
    {
        _range = _os.TryReserve(_bytes);
        Assert.True(_range != null);

        // A neighbour's huge page must not stand in for the pages that are counted here.
        _os.TryAdviseHugePages(_range, _bytes, enable: false);
    }

    // Unmaps pages of the range, which begin with a mark.
    private byte* MakeHole()
    {
        CommitFilled(7);
        byte* target = _range + (8 * Page);
        RangeMark.Write(target);

        // What is called next is compiled first, which may map memory, and just there.
        Assert.Equal(RangeState.Committed, _os.Reclaim(target, HolePages * Page));
        Assert.False(TryMap(target, LinuxNative.ProtectNone));
        Assert.Equal(HolePages, CountMapped(target));
        Assert.Equal(0, LinuxNative.Unmap(target, HolePages * Page));
        return target;
    }

    // So that the range's release unmaps nothing of another thread's.
    private void CloseHole(byte* target, int mappedPage)
    {
        for (int page = 0; page < HolePages; page++)
        {
            if (page != mappedPage && !TryMap(target + ((nuint)page * Page), LinuxNative.ProtectNone))
            {
                ReserveRange();
                return;
            }
        }
    }

    private bool TryMap(byte* page, int protection)
    {
        int flags = LinuxNative.MapPrivateAnonymous | LinuxNative.MapFixedNoReplace;
        return LinuxNative.Map(page, Page, protection, flags, -1, 0) == page;
    }

    private int CountMapped(byte* target)
    {
        int count = 0;
        for (int page = 0; page < HolePages; page++)
        {
            count += Mappings.ProtectionOf(target + ((nuint)page * Page)) != "none" ? 1 : 0;
        }

        return count;
    }

    private void CommitFilled(uint seed)
    {
        Assert.True(_os.TryCommit(_range, _bytes));
        Pattern.Fill(_range, _bytes, seed);
    }
}
