using System;
using System.Collections.Generic;
using Hakmem.Pages;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Pages;

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
        void* again = _metadata.TryAllocate(500);
        Assert.True(again == record);
        Pattern.VerifyZero(again, 512);
    }

    [Fact]
    public void FreedBuddiesServeALargerRecord()
    {
        void* first = _metadata.TryAllocate(4_096);
        void* second = _metadata.TryAllocate(4_096);
        if (((nuint)first ^ (nuint)second) != 4_096)
        {
            first = second;
            second = _metadata.TryAllocate(4_096);
        }

        nuint lower = nuint.Min((nuint)first, (nuint)second);
        _metadata.Free(first, 4_096);
        _metadata.Free(second, 4_096);
        nuint joined = (nuint)_metadata.TryAllocate(8_192);
        Assert.Equal(lower & ~(nuint)8_191, joined);
    }

    [Fact]
    public void ChunksAreAskedForOnlyWhenTheLastIsUsedUp()
    {
        // 256 KiB is a header and three of the largest records.
        for (int i = 1; i <= 9; i++)
        {
            Assert.True(_metadata.TryAllocate(65_536) != null);
            Assert.Equal(1, _os.CountOf(OsCall.Reserve));
            Assert.Equal((i + 2) / 3, _os.CountOf(OsCall.Commit));
            Assert.Equal((i + 2) / 3 * 262_144L, _metadata.HeldBytes);
        }
    }

    [Theory]
    [InlineData(64)]
    [InlineData(4_096)]
    [InlineData(32_768)]
    [Needs(SystemNeed.Populates)]
    public void PagesAreAskedForAheadSoManyBytesAtATime(int bytes)
    {
        nuint end = 0;
        while (_os.CountOf(OsCall.Commit) <= 1)
        {
            Assert.Equal((int)((end + 65_535) / 65_536), _os.CountOf(OsCall.Prefault));
            end = ((nuint)_metadata.TryAllocate(bytes) & 262_143) + (nuint)bytes;
        }
    }

    [Fact]
    public void WhatIsRefusedPagesIsZeroAllTheSame()
    {
        _os.RefuseAll(OsCall.Prefault);
        void* record = _metadata.TryAllocate(65_536);
        Pattern.VerifyZero(record, 65_536);
        Assert.Equal(2, _os.Refusals);
    }

    [Fact]
    public void WithLittleAddressSpaceRegionsAreSmaller()
    {
        // 16 MiB, 8, 4 and 2 are refused.
        int refused = 0;
        _os.Refuse(call => call == OsCall.Reserve && ++refused <= 4);
        for (int i = 0; i < 4 * 3; i++)
        {
            Assert.True(_metadata.TryAllocate(65_536) != null);
        }

        Assert.Equal(1, _os.CountOf(OsCall.Reserve));
        Assert.True(_metadata.TryAllocate(65_536) != null);
        Assert.Equal(2, _os.CountOf(OsCall.Reserve));
    }

    [Fact]
    public void ARefusedReservationIsNullAndTheNextTryWorks()
    {
        _os.RefuseAll(OsCall.Reserve);
        Assert.True(_metadata.TryAllocate(64) == null);
        Assert.Equal(0, _metadata.HeldBytes);
        _os.RefuseNone();
        Assert.True(_metadata.TryAllocate(64) != null);
    }

    [Fact]
    public void ARefusedCommitIsNullAndTheNextTryWorks()
    {
        _os.RefuseAll(OsCall.Commit);
        Assert.True(_metadata.TryAllocate(64) == null);
        Assert.Equal(0, _metadata.HeldBytes);
        _os.RefuseNone();
        Assert.True(_metadata.TryAllocate(64) != null);
        Assert.Equal(1, _os.CountOf(OsCall.Reserve));
    }

    [Fact]
    public void TrimGivesBackAllButTheChunkInUse()
    {
        nint[] records = new nint[1_000];
        for (int i = 0; i < records.Length; i++)
        {
            records[i] = (nint)_metadata.TryAllocate(16_384);
            new Span<byte>((void*)records[i], 16_384).Fill(0xEE);
        }

        Assert.True(_metadata.HeldBytes > 16L << 20);
        Array.ForEach(records, record => _metadata.Free((void*)record, 16_384));
        _metadata.Trim();
        Assert.InRange(_metadata.HeldBytes, 0, 262_144);
        int discards = _os.CountOf(OsCall.Discard);
        _metadata.Trim();
        Assert.Equal(discards, _os.CountOf(OsCall.Discard));

        // What was given back is used again before more is committed.
        int commits = _os.CountOf(OsCall.Commit);
        for (int i = 0; i < records.Length; i++)
        {
            Pattern.VerifyZero(_metadata.TryAllocate(16_384), 16_384);
        }

        Assert.Equal(commits, _os.CountOf(OsCall.Commit));
    }

    [Fact]
    public void TrimGivesBackThePagesBetweenRecords()
    {
        nint[] records = new nint[64];
        for (int i = 0; i < records.Length; i++)
        {
            records[i] = (nint)_metadata.TryAllocate(65_536);
        }

        // Each chunk has three of them, of which one stays and two go, except for the last one's.
        for (int i = 0; i < records.Length; i++)
        {
            if (i % 3 != 0)
            {
                _metadata.Free((void*)records[i], 65_536);
            }
        }

        _metadata.Trim();
        long before = _metadata.HeldBytes;
        Assert.InRange(before, 0, (22 * 262_144L) - (42 * (65_536L - (long)_os.PageSize)));
        Pattern.VerifyZero(_metadata.TryAllocate(65_536), 65_536);
        Assert.Equal(before + 65_536L - (long)_os.PageSize, _metadata.HeldBytes);
    }

    [Fact]
    public void ARefusedDiscardLosesNothing()
    {
        nint[] records = new nint[12];
        for (int i = 0; i < records.Length; i++)
        {
            records[i] = (nint)_metadata.TryAllocate(65_536);
        }

        long before = _metadata.HeldBytes;
        Array.ForEach(records, record => _metadata.Free((void*)record, 65_536));
        _os.RefuseAll(OsCall.Discard);
        _metadata.Trim();
        Assert.Equal(before, _metadata.HeldBytes);
        _os.RefuseNone();
        for (int i = 0; i < records.Length; i++)
        {
            Pattern.VerifyZero(_metadata.TryAllocate(65_536), 65_536);
        }

        Assert.Equal(before, _metadata.HeldBytes);
    }

    // Records of all sizes, freed at random and trimmed between: none overlaps another, all are zero when they come,
    // and in the end all comes back.
    [Fact]
    public void RandomRecordsAreApartAndComeBack() => Seeded.Run(seed =>
    {
        MetadataAllocator metadata = new(_os);
        Random random = new(seed);
        List<Block> live = [];
        for (int step = 0; step < 20_000; step++)
        {
            if (random.Next(2_000) == 0)
            {
                metadata.Trim();
            }

            if (random.Next(100) < (step % 4_000 < 2_000 ? 60 : 30))
            {
                int bytes = random.Next(1, 1 << random.Next(7, 17));
                void* record = metadata.TryAllocate(bytes);
                Pattern.VerifyZero(record, (nuint)MetadataAllocator.RoundUp(bytes));
                live.Add(Block.Filled(record, (nuint)bytes, (uint)random.Next()));
            }
            else if (live.Count > 0)
            {
                int index = random.Next(live.Count);
                Block block = live[index];
                block.Verify();
                metadata.Free(block.Pointer, (int)block.Bytes);
                live[index] = live[^1];
                live.RemoveAt(live.Count - 1);
            }
        }

        live.ForEach(block => block.Verify());
        live.ForEach(block => metadata.Free(block.Pointer, (int)block.Bytes));
        metadata.Trim();
        Assert.InRange(metadata.HeldBytes, 0, 262_144);
    });
}
