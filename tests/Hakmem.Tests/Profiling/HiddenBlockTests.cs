using System;
using System.Linq;
using System.Threading;
using Hakmem.Reclaim;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Small;
using Xunit;

namespace Hakmem.Tests.Profiling;

// The blocks of a magazine that a profiled thread's Alloc does not see yet.
public sealed unsafe class HiddenBlockTests : IDisposable
{
    private const int Paired = 3;

    // The magazine's first capacity is well above.
    private const int Until = 5;

    private readonly CacheLayer _layer = new(64L << 20);
    private readonly ThreadCache* _cache;
    private readonly ProfileBin* _countdown;

    public HiddenBlockTests()
    {
        _cache = _layer.NewCache();
        _cache->Profile = (ProfileState*)_layer.Arena.Metadata.TryAllocate(ProfileState.Bytes);
        for (int sizeClass = 0; sizeClass < SizeClass.Count; sizeClass++)
        {
            ProfileState.BinOf(_cache->Profile, sizeClass)->Until = 1 << 20;
        }

        ThreadCaches.SetForms(_cache, CacheLayer.Classes, Pages.SpanLayer.HeapSlot, SizeClass.Count);
        _countdown = ProfileState.BinOf(_cache->Profile, Paired);
    }

    private Bin* PairedBin => ThreadCache.BinAt(_cache, Paired);

    private Magazine* Primary => PairedBin->Primary;

    public void Dispose() => _layer.Dispose();

    [Fact]
    public void AllocSeesTheBlocksBeforeTheSampleAlone()
    {
        Hide();
        int served = 0;
        while (*PairedBin->AllocTop != null)
        {
            PairedBin->AllocTop--;
            served++;
        }

        Assert.Equal(Until, served);
        Assert.Equal(0, SampleCountdown.Sync(_cache, Paired)->Until);
    }

    [Fact]
    public void CountsHoldTheHiddenBlocksToo()
    {
        int all = Hide();
        Assert.True(Primary->Hidden > 0);
        Assert.Equal(all, BinCounts.CountOf(_cache, Paired));
        Assert.Equal(Until, BinCounts.VisibleOf(_cache, Paired));
    }

    [Fact]
    public void ContainsFindsHiddenBlocks()
    {
        Hide();
        void** newest = Magazine.SlotsOf(Primary) + Primary->Count - 1;
        Assert.True(BinCounts.Contains(_cache, Paired, *newest));
        Assert.True(BinCounts.Contains(_cache, Paired, newest[1 - Primary->Hidden]));
        void* live = _layer.Take(_cache, Paired);
        Assert.False(BinCounts.Contains(_cache, Paired, live));
    }

    [Fact]
    public void ADoubleFreeOfAHiddenBlockIsFound()
    {
        Hide();
        void* hidden = Magazine.SlotsOf(Primary)[Primary->Count - 1];
        Assert.False(_layer.Exchange.TryFree(_cache, Paired, hidden, isLive: false, out _));
    }

    // A free's slow path saves and loads the bin as well, and takes no sample.
    [Fact]
    public void AllocationsBeforeASaveAreCounted()
    {
        Hide();
        PairedBin->AllocTop -= 2;
        SampleCountdown.Apply(_cache, Paired);
        Assert.Equal(Until - 2, BinCounts.VisibleOf(_cache, Paired));
        Assert.Equal(Until - 2, SampleCountdown.Sync(_cache, Paired)->Until);
    }

    [Fact]
    public void EveryBlockIsServedOnceWhateverIsHidden()
    {
        int all = Hide();
        nint[] blocks = new nint[all];
        for (int i = 0; i < all; i++)
        {
            ProfileBin* countdown = SampleCountdown.Sync(_cache, Paired);
            if (countdown->Until == 0)
            {
                countdown->Until = (i % 4) + 1;
                SampleCountdown.Apply(_cache, Paired);
            }

            blocks[i] = (nint)_layer.Take(_cache, Paired);
        }

        Assert.Equal(all, blocks.Distinct().Count());
        Assert.Equal(0, BinCounts.CountOf(_cache, Paired));
    }

    [Fact]
    public void TheReaperTakesHiddenBlocksAndKeepsTheCountdown()
    {
        int all = Hide();
        CacheEntryList entries = new();
        Assert.True(entries.TryMoveTo(new object?[8]));
        entries.Add(new CacheEntry(Thread.CurrentThread) { Cache = _cache });
        CacheReaper reaper = new(_layer.Depots, _layer.Arena.Metadata);
        reaper.ReapSome(entries, 0, isForced: true);
        Assert.Equal(all, reaper.ReapedBlocks);
        Assert.Equal(0, BinCounts.CountOf(_cache, Paired));
        Assert.Equal(Until, SampleCountdown.Sync(_cache, Paired)->Until);
    }

    // The reaper leaves a gap below the visible blocks; Save closes it and moves the hidden ones down.
    [Fact]
    public void SaveClosesTheGapBelowHiddenBlocks()
    {
        int all = Hide();
        void** slots = Magazine.SlotsOf(Primary);
        nint[] kept = [.. Enumerable.Range(2, all - 2).Select(i => (nint)slots[i])];
        slots[0] = null;
        slots[1] = null;
        Primary->Holes = 2;
        CacheGate.Close(_cache);
        BinCounts.Save(_cache, Paired);
        Assert.Equal(kept, Enumerable.Range(0, Primary->Count).Select(i => (nint)slots[i]));
        BinCounts.Load(_cache, Paired);
        CacheGate.Open(_cache);
        Assert.Equal(Until, BinCounts.VisibleOf(_cache, Paired));
    }

    [Fact]
    public void SwappedMagazinesHideWhatIsBeyondTheSample()
    {
        int all = Fill();
        nint[] blocks = [.. Enumerable.Range(0, all).Select(_ => (nint)_layer.Take(_cache, Paired))];
        foreach (nint block in blocks)
        {
            _layer.Put(_cache, Paired, (void*)block);
        }

        Assert.True(*PairedBin->AllocTop == null);
        SampleCountdown.Sync(_cache, Paired)->Until = Until;
        Assert.True(SampleCountdown.TryAllocFromSecondary(_cache, Paired) != null);
        Assert.Equal(Until - 1, BinCounts.VisibleOf(_cache, Paired));
        Assert.Equal(all - 1, BinCounts.CountOf(_cache, Paired));
        Assert.Equal(Until - 1, SampleCountdown.Sync(_cache, Paired)->Until);
    }

    [Fact]
    public void ASwapIsRefusedWhenASampleIsDue()
    {
        Fill();
        nint first = (nint)_layer.Take(_cache, Paired);
        while (*PairedBin->AllocTop != null)
        {
            _layer.Take(_cache, Paired);
        }

        _layer.Put(_cache, Paired, (void*)first);
        SampleCountdown.Sync(_cache, Paired)->Until = 0;
        Assert.True(SampleCountdown.TryAllocFromSecondary(_cache, Paired) == null);
    }

    [Fact]
    public void ACacheWhoseFormCameBackIsAsANewOne()
    {
        ThreadCache* changed = _layer.NewCache();
        ThreadCache* plain = _layer.NewCache();
        int firstStacked = plain->FirstStacked;
        ThreadCaches.SetForms(changed, CacheLayer.Classes, Pages.SpanLayer.HeapSlot, SizeClass.Count);
        ThreadCaches.SetForms(changed, CacheLayer.Classes, Pages.SpanLayer.HeapSlot, firstStacked);
        for (int index = 0; index < SizeClass.Count; index++)
        {
            ulong* words = (ulong*)ThreadCache.BinAt(changed, (uint)index);
            ulong* expected = (ulong*)ThreadCache.BinAt(plain, (uint)index);
            for (int word = 0; word < Bin.Bytes / sizeof(ulong); word++)
            {
                // Tops and ends of unused bins point at the cache's own sentinel.
                bool isSentinel = expected[word] == (ulong)&plain->EmptySlot;
                Assert.Equal(isSentinel ? (ulong)&changed->EmptySlot : expected[word], words[word]);
            }
        }
    }

    // Loads a magazine, of which all blocks are visible, and returns how many there are.
    private int Fill()
    {
        _layer.Put(_cache, Paired, _layer.Take(_cache, Paired));
        while (*PairedBin->AllocTop != null)
        {
            _layer.Put(_cache, Paired, _layer.Take(_cache, Paired));
        }

        _layer.Put(_cache, Paired, _layer.Take(_cache, Paired));
        return BinCounts.CountOf(_cache, Paired);
    }

    // The same, with Until visible blocks; the secondary magazine is empty then.
    private int Hide()
    {
        _layer.Take(_cache, Paired);
        SampleCountdown.Sync(_cache, Paired);
        _countdown->Until = Until;
        SampleCountdown.Apply(_cache, Paired);
        Assert.True(BinCounts.CountOf(_cache, Paired) > 2 * Until);
        return BinCounts.CountOf(_cache, Paired);
    }
}
