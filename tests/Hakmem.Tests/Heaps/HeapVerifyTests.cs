using System;
using System.Linq;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Heaps;

// HakmemAllocator.Verify: heaps in use are sound, and each kind of damaged record is reported at its address.
public sealed unsafe class HeapVerifyTests : IDisposable
{
    private readonly TestArena _test = new();
    private readonly HakmemAllocator _heap;
    private readonly byte* _small;
    private readonly byte* _tiny;
    private readonly byte* _run;
    private readonly byte* _growable;

    public HeapVerifyTests()
    {
        _heap = new HakmemAllocator(new HakmemOptions { LazyZero = LazyZeroMode.Off }, _test.Arena);
        for (int i = 0; i < 100; i++)
        {
            _heap.Free(_heap.Alloc(1_000));
        }

        _small = (byte*)_heap.Alloc(1_000);
        _tiny = (byte*)_heap.Alloc(16);
        _run = (byte*)_heap.Alloc(5 << 20);
        _growable = (byte*)_heap.Realloc(_heap.Alloc(70 << 10), 200 << 10);
        _heap.Free(_heap.Alloc(3 << 20));
    }

    private Arena Arena => _test.Arena;

    private int SmallUnit => Arena.UnitOf(PageMapEntry.Decode(Arena.EntryOf(_small)).Address);

    private int TinyUnit => Arena.UnitOf(PageMapEntry.Decode(Arena.EntryOf(_tiny)).Address);

    private int GrowableUnit => Arena.UnitOf(PageMapEntry.Decode(Arena.EntryOf(_growable)).Address);

    public void Dispose()
    {
        _heap.Dispose();
        _test.Dispose();
    }

    [Theory]
    [InlineData(HardeningLevel.Standard, 0)]
    [InlineData(HardeningLevel.Checked, 0)]
    [InlineData(HardeningLevel.Full, 0)]
    [InlineData(HardeningLevel.Standard, 1)]
    public void VerifyOfHeapInUseIsSound(HardeningLevel hardening, int sampleInterval)
    {
        using HakmemAllocator heap =
            new(new HakmemOptions { Hardening = hardening, GuardedSampleInterval = sampleInterval });
        BlockLedger ledger = new(heap);
        foreach (nuint bytes in new nuint[] { 16, 1_000, 70_000, 900_000, 3 << 20 })
        {
            ledger.Allocate(bytes);
        }

        HakmemVerification verification = heap.Verify();
        HeapSoundness.Assert(verification);
        Assert.True(verification.SuperSlabs > 0);
        ledger.FreeAll();
        heap.Trim();
        HeapSoundness.Assert(heap);
    }

    [Fact]
    public void VerifyOfSoundHeapSaysWhatItChecked()
    {
        HakmemVerification verification = _heap.Verify();
        Assert.True(verification.IsSound, verification.ToString());
        Assert.Equal(_heap.GetHeapMap().SuperSlabs.Count, verification.SuperSlabs);
        Assert.Equal(_heap.GetStatistics().SizeClasses.Sum(row => row.Spans), verification.Spans);
        Assert.EndsWith("sound", verification.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void FreeCountThatIsWrongIsReported() => AssertReported(
        ref Arena.Span(SmallUnit)->FreeCount, value => value + 1, Arena.AddressOfUnit(SmallUnit), "free count");

    [Fact]
    public void BitOfBlockThatWasNeverCarvedIsReported() => AssertReported(
        ref Arena.Bitmap(TinyUnit)[63], value => value | (1UL << 63), Arena.AddressOfUnit(TinyUnit), "carved");

    [Fact]
    public void PageMapEntryOfFreeUnitIsReported()
    {
        int unit = GrowableUnit | (Geometry.UnitsPerSlab - 1);
        Assert.NotEqual(0u, Arena.Slab(GrowableUnit >> Geometry.UnitsPerSlabShift)->FreeUnits & (1u << 31));
        AssertReported(ref *Arena.EntryOf(unit), _ => *Arena.EntryOf(GrowableUnit), Arena.AddressOfUnit(unit), "free unit");
    }

    [Fact]
    public void UnitRunWithTwoEntriesIsReported() => AssertReported(
        ref *Arena.EntryOf(GrowableUnit + 1), _ => 0, Arena.AddressOfUnit(GrowableUnit + 1), "same page-map entry");

    [Fact]
    public void SpanOfAnotherHeapIsReported() => AssertReported(
        ref *Arena.EntryOf(SmallUnit), entry => entry + PageMapEntry.TagOf(0), null, "");

    [Fact]
    public void TakenUnitThatIsCleanIsReported() => AssertReported(
        ref Arena.Slab(SlabOf(_small))->DirtyUnits, _ => 0U, Arena.AddressOfSlab(SlabOf(_small)), "dirty");

    [Fact]
    public void RunThatIsTooLongIsReported() => AssertReported(
        ref Arena.Slab(SlabOf(_run))->RunSlabs, value => value + 1, null, "its own");

    [Fact]
    public void BodyOfAnotherRunIsReported() => AssertReported(
        ref Arena.Slab(SlabOf(_run) + 1)->RunHead, value => value + 1, Arena.AddressOfSlab(SlabOf(_run) + 1), "RunBody");

    [Fact]
    public void ListThatLeadsNowhereBackIsReported() => AssertReported(
        ref Arena.Slab(SlabOf(_growable))->Previous, _ => 17, null, "link back");

    [Fact]
    public void StateThatNoHeapOwnsIsReported() => AssertReported(
        ref *Arena.Slab(SlabOf(_run) + 1), _ => default, Arena.AddressOfSlab(SlabOf(_run) + 1), "state");

    [Fact]
    public void ManyProblemsAreCounted()
    {
        byte*[] runs = new byte*[HeapCheck.MaxDescribed + 20];
        using TestArena test = new(1L << 30);
        using HakmemAllocator heap = new(new HakmemOptions(), test.Arena);
        for (int i = 0; i < runs.Length; i++)
        {
            runs[i] = (byte*)heap.Alloc(2 << 20);
            test.Arena.Slab(test.Arena.UnitOf((nuint)runs[i]) >> Geometry.UnitsPerSlabShift)->RunHead += 1_000;
        }

        HakmemVerification verification = heap.Verify();
        Assert.Equal(HeapCheck.MaxDescribed + 1, verification.Problems.Count);
        Assert.StartsWith("and ", verification.Problems[^1], StringComparison.Ordinal);
        foreach (byte* run in runs)
        {
            test.Arena.Slab(test.Arena.UnitOf((nuint)run) >> Geometry.UnitsPerSlabShift)->RunHead -= 1_000;
        }

        HeapSoundness.Assert(heap);
    }

    private int SlabOf(byte* block) => Arena.UnitOf((nuint)block) >> Geometry.UnitsPerSlabShift;

    // Damages a record, expects it to be reported at an address, or anywhere for null, and repairs it.
    private void AssertReported<T>(ref T record, Func<T, T> damage, byte* address, string rule)
    {
        HeapSoundness.Assert(_heap);
        T before = record;
        record = damage(before);
        HakmemVerification verification = _heap.Verify();
        record = before;
        Assert.False(verification.IsSound);
        string place = address == null ? "at 0x" : $"at 0x{(nuint)address:x}";
        Assert.Contains(
            verification.Problems,
            problem => problem.StartsWith(place, StringComparison.Ordinal) && problem.Contains(rule, StringComparison.Ordinal));
        HeapSoundness.Assert(_heap);
    }
}
