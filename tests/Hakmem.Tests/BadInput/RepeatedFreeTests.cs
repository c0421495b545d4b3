using System;
using System.Collections.Generic;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// A block freed, then one or two others of its size, then the first again, at HardeningLevel.Standard.
public sealed unsafe class RepeatedFreeTests : IDisposable
{
    private readonly TestArena _test = new();

    public static MatrixTheoryData<int, int, int> Cases { get; } = new([16, 64, 200, 256], [1, 2], [0, 1, 6]);

    public void Dispose() => _test.Dispose();

    // Of small blocks before either copy is handed out: however many were freed before, and after as long as it is
    // among those freed last.
    [Theory]
    [MemberData(nameof(Cases))]
    public void BlockFreedAgainAfterAFewOthersHasNoTwoOwners(int size, int between, int around)
    {
        using HakmemAllocator heap = new(new HakmemOptions(), _test.Arena);
        void*[] blocks = new void*[between + (2 * around)];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = heap.Alloc((nuint)size);
        }

        void* twice = heap.Alloc((nuint)size);
        Free(heap, blocks, 0, around);
        heap.Free(twice);
        Free(heap, blocks, around, between);
        heap.Free(twice);
        Free(heap, blocks, around + between, around);

        HashSet<nint> live = [];
        HakmemCorruptionException? told = null;
        for (int i = 0; i < 1_000; i++)
        {
            try
            {
                Assert.True(live.Add((nint)heap.Alloc((nuint)size)), "A block has two owners.");
            }
            catch (HakmemCorruptionException exception)
            {
                Assert.Null(told);
                told = exception;
            }
        }

        Assert.NotNull(told);
        Corruption.AssertNames(told, twice);
        foreach (nint block in live)
        {
            heap.Free((void*)block);
        }

        heap.Trim();
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
        ArenaAudit.Check(heap);
    }

    // Of any size by the free that gives the magazine away, without a Trim.
    [Theory]
    [InlineData(64)]
    [InlineData(300)]
    [InlineData(4_096)]
    [InlineData(100_000)]
    public void BlockFreedAgainIsToldWhenItsMagazineIsGivenAway(int size)
    {
        using HakmemAllocator heap = new(new HakmemOptions(), _test.Arena);
        void*[] blocks = new void*[Math.Min(2_000, (96 << 20) / size)];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = heap.Alloc((nuint)size);
        }

        heap.Free(blocks[0]);
        heap.Free(blocks[1]);
        HakmemCorruptionException? told = Record.Exception(() => heap.Free(blocks[0])) as HakmemCorruptionException;
        for (int i = 2; i < blocks.Length; i++)
        {
            void* block = blocks[i];
            told = Record.Exception(() => heap.Free(block)) as HakmemCorruptionException ?? told;
        }

        Assert.NotNull(told);
        Corruption.AssertNames(told, blocks[0]);
        heap.Trim();
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
        ArenaAudit.Check(heap);
    }

    private static void Free(HakmemAllocator heap, void*[] blocks, int from, int count)
    {
        for (int i = from; i < from + count; i++)
        {
            heap.Free(blocks[i]);
        }
    }
}
