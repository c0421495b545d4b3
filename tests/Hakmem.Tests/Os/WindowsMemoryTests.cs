using System;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Os;

// What OsMemory promises, of the Windows layer, on Windows.
[Collection(AloneCollection.Name)]
[Needs(SystemNeed.Windows)]
public sealed unsafe class WindowsMemoryTests : IDisposable
{
    private const int Pages = 32;

    private readonly WindowsMemory _os = new();
    private readonly nuint _bytes;
    private readonly byte* _range;

    public WindowsMemoryTests()
    {
        _bytes = Pages * _os.PageSize;
        _range = _os.TryReserve(_bytes);
        Assert.True(_range != null);
    }

    private nuint Page => _os.PageSize;

    public void Dispose()
    {
        Assert.True(_os.TryRelease(_range, _bytes));
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void ImpossibleReservationIsNull() => Assert.True(_os.TryReserve((nuint)1 << 62) == null);

    [Fact]
    public void ReadablePagesAreZeroAndBecomeWritable()
    {
        Assert.True(_os.TryMakeReadable(_range, _bytes));
        Pattern.VerifyZero(_range, _bytes);
        Assert.True(_os.TryCommit(_range + Page, 2 * Page));
        Pattern.Fill(_range + Page, 2 * Page, 1);
        Pattern.VerifyZero(_range, Page);
        Pattern.VerifyZero(_range + (3 * Page), _bytes - (3 * Page));
    }

    [Fact]
    public void CommittingTwiceKeepsTheContents()
    {
        CommitFilled(1);
        Assert.True(_os.TryCommit(_range, _bytes));
        Pattern.Verify(_range, _bytes, 1);
    }

    [Fact]
    public void DecommittedPagesComeBackAsZeros()
    {
        CommitFilled(2);
        Assert.True(_os.TryDecommit(_range + Page, 2 * Page));
        Pattern.Verify(_range, Page, 2);

        // Also where a part of the range is decommitted already.
        Assert.True(_os.TryDecommit(_range + (2 * Page), 2 * Page));
        Assert.True(_os.TryCommit(_range, _bytes));
        Pattern.VerifyZero(_range + Page, 3 * Page);
        Pattern.Verify(_range, Page, 2);
    }

    [Fact]
    public void DiscardedPagesComeBackAsZeros()
    {
        CommitFilled(3);
        Assert.True(_os.TryDiscard(_range + Page, 2 * Page));
        Assert.True(_os.TryCommit(_range + Page, 2 * Page));
        Pattern.VerifyZero(_range + Page, 2 * Page);
        Pattern.Verify(_range, Page, 3);
    }

    [Fact]
    public void ResetPagesStayWritable()
    {
        CommitFilled(4);
        Assert.True(_os.TryReset(_range + Page, 2 * Page));
        Pattern.Fill(_range + Page, 2 * Page, 5);
        Pattern.Verify(_range + Page, 2 * Page, 5);
        Pattern.Verify(_range, Page, 4);
    }

    [Fact]
    public void ProtectedPagesKeepTheirContents()
    {
        CommitFilled(6);
        Assert.True(_os.TryProtect(_range + (4 * Page), 3 * Page));
        Assert.True(_os.TryUnprotect(_range, _bytes));
        Pattern.Verify(_range, _bytes, 6);
        Assert.True(_os.TryProtect(_range, _bytes));
        Assert.True(_os.TryDecommit(_range, _bytes));
        Assert.True(_os.TryCommit(_range, _bytes));
        Pattern.VerifyZero(_range, _bytes);
    }

    // Not reserved: the second is behind the range.
    [Fact]
    public void CommitOutsideAReservationIsRefused()
    {
        Assert.True(_os.TryDecommit(_range, _bytes));
        Assert.False(_os.TryCommit((byte*)(64 << 10), (nuint)1 << 46));
    }

    [Theory]
    [InlineData(PrefaultMode.Populate, true)]
    [InlineData(PrefaultMode.Touch, true)]
    [InlineData(PrefaultMode.None, true)]
    [InlineData(PrefaultMode.WillNeed, false)]
    public void PrefaultKeepsTheContents(PrefaultMode mode, bool isDone)
    {
        CommitFilled(7);
        Assert.Equal(isDone, _os.TryPrefault(_range, _bytes, mode));
        Pattern.Verify(_range, _bytes, 7);
    }

    [Fact]
    public void WhatTheSystemLacksIsRefused()
    {
        CommitFilled(8);
        Assert.Equal(OsFeatures.None, _os.Features);
        Assert.False(_os.TryPopulate(_range, _bytes));
        Assert.False(_os.TryAdviseHugePages(_range, _bytes, enable: true));
        Assert.False(_os.TryMove(_range, _range + (16 * Page), 4 * Page));
        Pattern.Verify(_range, _bytes, 8);
    }

    [Fact]
    public void ArenaIsAPowerOfTwoThatCoversWhatCanBeCommitted()
    {
        Assert.True(_os.MaxArenaBytes > 0 && (_os.MaxArenaBytes & (_os.MaxArenaBytes - 1)) == 0);
        Assert.InRange(_os.MaxArenaBytes, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2, long.MaxValue);
    }

    // What a program that allocates one block adds to its commit charge, by its own figures.
    [Fact]
    public void FirstBlockCommitsLittle()
    {
        using FaultyMemory os = new(_os);
        Arena arena = new(os);
        using (HakmemAllocator heap = new(new HakmemOptions(), arena))
        {
            heap.Free(heap.Alloc(100));
            HakmemStatistics statistics = heap.GetStatistics();
            long charge = statistics.TableBytes + statistics.RecordBytes + statistics.CommittedBytes;
            Assert.InRange(arena.PageMapBytes, 4 << 20, Math.Max(4 << 20, _os.MaxArenaBytes / 8192));
            Assert.InRange(charge, arena.PageMapBytes, arena.PageMapBytes + (8 << 20));
        }

        os.AssertNoViolation();
    }

    [Fact]
    public void MemoryLimitCanBeRead()
    {
        Assert.True(_os.TryReadMemoryLimit(out long bytes));
        Assert.InRange(bytes, 1, long.MaxValue);
    }

    private void CommitFilled(uint seed)
    {
        Assert.True(_os.TryCommit(_range, _bytes));
        Pattern.Fill(_range, _bytes, seed);
    }
}
