using System;
using System.Collections.Generic;
using Hakmem.Arenas;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Arenas;

// Records of the allocator's own.
public sealed unsafe class MetadataAllocatorTests : IDisposable
{
    private readonly FaultyMemory _os = new();
    private readonly MetadataAllocator _metadata;

    public MetadataAllocatorTests() => _metadata = new MetadataAllocator(_os);

    public void Dispose()
    {
        _os.AssertNoViolation();
        _os.Dispose();
    }

    [Theory]
    [InlineData(1, 64)]
    [InlineData(64, 64)]
    [InlineData(65, 128)]
    [InlineData(1_000, 1_024)]
    [InlineData(65_536, 65_536)]
    public void SizesGoUpToPowersOfTwoFromALine(int bytes, int expected) => Assert.Equal(expected, MetadataAllocator.RoundUp(bytes));

    [Fact]
    public void MoreThanTheLargestRecordIsAnError() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => MetadataAllocator.RoundUp(65_537));

    [Fact]
    public void RecordsAreZeroAlignedToALineAndApart()
    {
        Random random = new(1);
        SortedDictionary<nuint, int> records = [];
        for (int i = 0; i < 500; i++)
        {
            int bytes = random.Next(1, 4_096);
            void* record = _metadata.TryAllocate(bytes);
            Assert.Equal((nuint)0, (nuint)record % 64);
            Pattern.VerifyZero(record, (nuint)bytes);
            new Span<byte>(record, bytes).Fill(0xEE);
            records.Add((nuint)record, bytes);
        }

        nuint end = 0;
        foreach ((nuint start, int bytes) in records)
        {
            Assert.True(start >= end);
            end = start + (nuint)bytes;
        }
    }

    [Fact]
    public void AFreedRecordIsUsedAgainAndIsZero()
    {
        void* record = _metadata.TryAllocate(300);
        new Span<byte>(record, 512).Fill(0xEE);
        _metadata.Free(record, 300);
        Assert.True(_metadata.TryAllocate(100) != record);
        void* again = _metadata.TryAllocate(500);
        Assert.True(again == record);
        Pattern.VerifyZero(again, 512);
    }

    [Fact]
    public void ChunksAreAskedForOnlyWhenTheLastIsUsedUp()
    {
        // 256 KiB is four of the largest records.
        for (int i = 1; i <= 9; i++)
        {
            Assert.True(_metadata.TryAllocate(65_536) != null);
            Assert.Equal((i + 3) / 4, _os.CountOf(OsCall.Reserve));
            Assert.Equal((i + 3) / 4 * 262_144L, _metadata.ReservedBytes);
        }
    }

    [Theory]
    [InlineData(64)]
    [InlineData(4_096)]
    [InlineData(65_536)]
    public void PagesAreAskedForAheadSoManyBytesAtATime(int bytes)
    {
        for (int taken = bytes; taken <= 4 * 65_536; taken += bytes)
        {
            _metadata.TryAllocate(bytes);
            Assert.Equal((taken + 65_535) / 65_536, _os.CountOf(OsCall.Prefault));
        }
    }

    [Fact]
    public void WhatIsRefusedPagesIsZeroAllTheSame()
    {
        _os.RefuseAll(OsCall.Prefault);
        void* record = _metadata.TryAllocate(65_536);
        Pattern.VerifyZero(record, 65_536);
        Assert.Equal(1, _os.Refusals);
    }

    [Fact]
    public void ARefusedReservationIsNullAndTheNextTryWorks()
    {
        _os.RefuseAll(OsCall.Reserve);
        Assert.True(_metadata.TryAllocate(64) == null);
        Assert.Equal(0, _metadata.ReservedBytes);
        _os.RefuseNone();
        Assert.True(_metadata.TryAllocate(64) != null);
    }

    [Fact]
    public void ARefusedCommitGivesTheReservationBack()
    {
        _os.RefuseAll(OsCall.Commit);
        Assert.True(_metadata.TryAllocate(64) == null);
        Assert.Equal(1, _os.CountOf(OsCall.Release));
        Assert.Equal(0, _metadata.ReservedBytes);
        _os.RefuseNone();
        Assert.True(_metadata.TryAllocate(64) != null);
    }
}
