using System;
using System.Buffers;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Hakmem.Tests.Support;
using Xunit;
using Xunit.Sdk;

namespace Hakmem.Tests.Debugging;

// What a debugger shows of live, empty and disposed objects. Showing it throws nothing, enters no lock, allocates
// nothing from the heap and reads no memory that was given back.
public sealed unsafe class DebuggerDisplayTests
{
    // More than are shown.
    private const int Many = 1_000;
    private const int Shown = 256;

    private static readonly HakmemOptions s_full = new() { Hardening = HardeningLevel.Full };

    // Each makes an object with that many elements, which count up from zero.
    private static readonly Dictionary<string, Func<HakmemAllocator, int, IDisposable>> s_makers = new()
    {
        ["array"] = (heap, count) =>
        {
            NativeArray<byte> array = new(heap, count);
            CountUp(array.AsSpan());
            return array;
        },
        ["writer"] = (heap, count) =>
        {
            NativeBufferWriter<byte> writer = new(heap, count);
            CountUp(writer.GetSpan(Math.Max(count, 1))[..count]);
            writer.Advance(count);
            return writer;
        },
        ["owner"] = (heap, count) =>
        {
            IMemoryOwner<byte> owner = new NativeMemoryPool(heap).Rent(count);
            CountUp(owner.Memory.Span);
            return owner;
        },
        ["tracked owner"] = (heap, count) =>
        {
            NativeMemoryPool pool = new(heap, new NativeMemoryPoolOptions { LeakTracking = LeakTracking.Count });
            IMemoryOwner<byte> owner = pool.Rent(count);
            CountUp(owner.Memory.Span);
            return owner;
        },
        ["stream"] = (heap, count) =>
        {
            byte[] bytes = new byte[count];
            CountUp(bytes);
            NativeMemoryStream stream = new(heap, 256);
            stream.Write(bytes, 0, count);
            return stream;
        },
    };

    public static TheoryData<string> Kinds { get; } = [.. s_makers.Keys];

    public static TheoryData<Type> PublicTypes { get; } =
        new(DebuggerEvaluation.PublicTypesOf(typeof(HakmemAllocator).Assembly));

    [Theory]
    [MemberData(nameof(PublicTypes))]
    public void EveryPublicTypeHasADisplay(Type type) => DebuggerEvaluation.AssertDisplayNamesMembers(type);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void LiveElementsAreShown(string kind)
    {
        using HakmemAllocator heap = new();
        using IDisposable shown = s_makers[kind](heap, 3);
        Assert.Contains(" = 3", DebuggerEvaluation.DisplayOf(shown), StringComparison.Ordinal);
        Assert.Equal([0, 1, 2], ElementsOf(shown));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void OnlyTheFirstOfManyElementsAreShown(string kind)
    {
        using HakmemAllocator heap = new();
        using IDisposable shown = s_makers[kind](heap, Many);
        Assert.Contains($" = {Many}", DebuggerEvaluation.DisplayOf(shown), StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(0, Shown).Select(value => (byte)value), ElementsOf(shown));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AnEmptyOneShowsNoElements(string kind)
    {
        using HakmemAllocator heap = new();
        using IDisposable shown = s_makers[kind](heap, 0);
        Assert.Contains(" = 0", DebuggerEvaluation.DisplayOf(shown), StringComparison.Ordinal);
        Assert.Empty(ElementsOf(shown));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ADisposedOneSaysSo(string kind)
    {
        using HakmemAllocator heap = new();
        IDisposable shown = s_makers[kind](heap, Many);
        shown.Dispose();
        Assert.Equal("disposed", DebuggerEvaluation.DisplayOf(shown));
        Assert.Empty(ElementsOf(shown));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void OneOfADisposedHeapSaysSo(string kind)
    {
        HakmemAllocator heap = new();
        IDisposable shown = s_makers[kind](heap, Many);
        heap.Dispose();
        Assert.Equal("gone: the heap has been disposed", DebuggerEvaluation.DisplayOf(shown));
        Assert.Empty(ElementsOf(shown));
        shown.Dispose();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void NothingWaitsForALock(string kind)
    {
        using HakmemAllocator heap = new();
        using IDisposable shown = s_makers[kind](heap, Many);
        int locks = AllLocks.HoldWhile(shown, () =>
        {
            Assert.Contains($" = {Many}", DebuggerEvaluation.DisplayOf(shown), StringComparison.Ordinal);
            Assert.Equal(Shown, ElementsOf(shown).Length);
        });
        Assert.True(locks > 5, $"Only {locks} locks were found.");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void NothingIsAllocatedFromTheHeap(string kind)
    {
        using HakmemAllocator heap = new();
        using IDisposable shown = s_makers[kind](heap, Many);
        HakmemStatistics before = heap.GetStatistics();
        _ = DebuggerEvaluation.DisplayOf(shown);
        _ = DebuggerEvaluation.ViewOf(shown);
        _ = DebuggerEvaluation.DisplayOf(heap);
        _ = DebuggerEvaluation.ViewOf(heap);
        HakmemStatistics after = heap.GetStatistics();
        Assert.Equal((before.LiveBlocks, before.CachedBytes), (after.LiveBlocks, after.CachedBytes));
    }

    [Fact]
    public void ABufferShowsItsElementsUntilItIsDisposed()
    {
        DebuggerEvaluation.AssertDisplayNamesMembers(typeof(NativeBuffer<int>));
        Assert.Equal(typeof(DebuggerViews.BufferView<int>), DebuggerEvaluation.ViewTypeOf(typeof(NativeBuffer<int>)));
        using HakmemAllocator heap = new();
        NativeBuffer<int> buffer = heap.Rent<int>(3);
        buffer.Span.Fill(7);
        Assert.Equal("Int32, Length = 3", buffer.DebuggerDisplay);
        DebuggerViews.BufferView<int> view = new(buffer);
        Assert.Equal(("Int32, Length = 3", 3), (view.State, view.Length));
        Assert.Equal([7, 7, 7], view.FirstElements);

        buffer.Dispose();
        view = new DebuggerViews.BufferView<int>(buffer);
        Assert.Equal(("disposed", 0), (view.State, view.Length));
        Assert.Empty(view.FirstElements);
        Assert.Equal("disposed", default(NativeBuffer<int>).DebuggerDisplay);
        using NativeBuffer<int> empty = heap.Rent<int>(0);
        Assert.Equal("Int32, Length = 0", empty.DebuggerDisplay);
        Assert.Empty(empty.FirstElements);
    }

    // Large enough that its pages are given back.
    [Fact]
    public void ACopyOfADisposedBufferIsNotRead()
    {
        using HakmemAllocator heap = new();
        NativeBuffer<byte> buffer = heap.Rent<byte>(8 << 20);
        NativeBuffer<byte> copy = buffer;
        Assert.Equal(Shown, copy.FirstElements.Length);
        buffer.Dispose();
        heap.Trim();
        Assert.Empty(copy.FirstElements);
        heap.Dispose();
        Assert.Equal("gone: the heap has been disposed", copy.DebuggerDisplay);
        Assert.Empty(copy.FirstElements);
    }

    // The beginning of the memory is in use again, and the rest is not.
    [Fact]
    public void ACopyIsNotReadIfOnlyItsStartIsInUse()
    {
        using HakmemAllocator heap = new();
        NativeBuffer<Large> buffer = heap.Rent<Large>(Shown);
        NativeBuffer<Large> copy = buffer;
        Assert.Equal(Shown, copy.FirstElements.Length);
        buffer.Dispose();
        void* block = heap.Alloc((nuint)(Shown * sizeof(Large) / 2));
        Assert.True(block == copy.Pointer, "The memory was not used again.");
        Assert.Empty(copy.FirstElements);
    }

    // Its pages are closed when it is freed.
    [Theory]
    [InlineData(100_000)]
    [InlineData(8 << 20)]
    public void AGuardedBlocksElementsAreNotRead(int length)
    {
        using HakmemAllocator heap = new(s_full);
        NativeBuffer<byte> buffer = heap.Rent<byte>(length);
        NativeBuffer<byte> copy = buffer;
        Assert.Empty(copy.FirstElements);
        buffer.Dispose();
        Assert.Empty(copy.FirstElements);
        using NativeBuffer<byte> small = heap.Rent<byte>(100);
        Assert.Equal(100, small.FirstElements.Length);
    }

    [Fact]
    public void AHeapShowsItsFiguresUntilItIsDisposed()
    {
        HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 64 << 20 });
        heap.Alloc(100);
        Assert.Equal("isolated, 2097152 bytes committed", DebuggerEvaluation.DisplayOf(heap));
        Dictionary<string, object?> view = DebuggerEvaluation.ViewOf(heap);
        Assert.Equal(DebuggerEvaluation.DisplayOf(heap), view["State"]);
        Assert.Equal(2L << 20, view["CommittedBytes"]);
        Assert.Equal(2L << 20, view["PeakCommittedBytes"]);
        Assert.Equal(1, view["SuperSlabsInUse"]);
        Assert.Equal(0, view["SuperSlabsCached"]);
        Assert.Equal(64L << 20, Assert.IsType<HeapLimits>(view["Limits"]).MaxBytes);
        int locks = AllLocks.HoldWhile(
            heap, () => Assert.Equal(view["State"], DebuggerEvaluation.ViewOf(heap)["State"]));
        Assert.True(locks > 5, $"Only {locks} locks were found.");

        // These are the locks that GetStatistics enters.
        Assert.Throws<TrueException>(
            () => AllLocks.HoldWhile(heap, () => heap.GetStatistics(), TimeSpan.FromMilliseconds(200)));

        heap.Dispose();
        Assert.Equal("disposed", DebuggerEvaluation.DisplayOf(heap));
        Assert.Null(DebuggerEvaluation.ViewOf(heap)["Limits"]);
        Assert.StartsWith("shared, ", DebuggerEvaluation.DisplayOf(HakmemAllocator.Shared), StringComparison.Ordinal);
    }

    [Fact]
    public void AHeapThatCouldNotBeMadeSaysWhy()
    {
        ExceptionDispatchInfo failure = ExceptionDispatchInfo.Capture(new OutOfMemoryException("No room."));
        object heap = Activator.CreateInstance(
            typeof(HakmemAllocator), BindingFlags.Instance | BindingFlags.NonPublic, null, [failure], null)!;
        Assert.Equal("unusable: No room.", DebuggerEvaluation.DisplayOf(heap));
        Assert.Null(DebuggerEvaluation.ViewOf(heap)["Limits"]);
    }

    [Fact]
    public void APoolShowsWhatIsRentedUntilItIsDisposed()
    {
        using HakmemAllocator heap = new();
        NativeMemoryPool pool = new(heap);
        NativeMemoryPool<long> ofLong = new(heap);
        IMemoryOwner<byte> owner = pool.Rent(100);
        ofLong.Rent(10);
        Assert.Equal("Byte, 1 rented, 100 bytes", DebuggerEvaluation.DisplayOf(pool));
        Assert.Equal("Int64, 1 rented, 80 bytes", DebuggerEvaluation.DisplayOf(ofLong));
        AllLocks.HoldWhile(pool, () => DebuggerEvaluation.DisplayOf(pool));
        pool.Dispose();
        Assert.Equal("disposed, 1 rented", DebuggerEvaluation.DisplayOf(pool));
        owner.Dispose();
        Assert.Equal("disposed, 0 rented", DebuggerEvaluation.DisplayOf(pool));
    }

    [Fact]
    public void FiguresAndOptionsShowTheirFirst()
    {
        using HakmemAllocator heap = new();
        heap.Alloc(100);
        HakmemStatistics statistics = heap.GetStatistics();
        Assert.Equal("112 bytes live in 1 blocks, 2097152 committed", DebuggerEvaluation.DisplayOf(statistics));
        AssertStarts("112 bytes: 1 live, ", statistics.SizeClasses[0]);
        HakmemHeapMap map = heap.GetHeapMap();
        Assert.Equal("1 SuperSlabs", DebuggerEvaluation.DisplayOf(map));
        AssertStarts("Spans, ", map.SuperSlabs[0]);
        AssertStarts("Span, ", map.SuperSlabs[0].Units.ToArray().First(unit => unit.Kind == UnitKind.Span));
        Assert.Equal("1 SuperSlabs, 1 spans, 0 problems", DebuggerEvaluation.DisplayOf(heap.Verify()));
        Assert.Equal("0 rented, 0 bytes", DebuggerEvaluation.DisplayOf(new NativeMemoryPool(heap).GetStatistics()));
        Assert.Equal("7 bytes", DebuggerEvaluation.DisplayOf(new NativeMemoryLeak(7, new StackTrace())));
        AssertStarts("MaxBufferSize = 2147483647, MaxBytes = 5", new NativeMemoryPoolOptions { MaxBytes = 5 });
        AssertStarts("HakmemOptions { Prefault = Touch, ", new HakmemOptions { Prefault = PrefaultMode.Touch });
    }

    // As many as are shown fill two SuperSlabs.
    [StructLayout(LayoutKind.Sequential, Size = (4 << 20) / Shown)]
    private struct Large;

    private static void AssertStarts(string text, object shown) =>
        Assert.StartsWith(text, DebuggerEvaluation.DisplayOf(shown), StringComparison.Ordinal);

    private static byte[] ElementsOf(object shown)
    {
        Dictionary<string, object?> view = DebuggerEvaluation.ViewOf(shown);
        Assert.Equal(DebuggerEvaluation.DisplayOf(shown), view["State"]);
        return Assert.IsType<byte[]>(view.Single(property => property.Value is Array).Value);
    }

    private static void CountUp(Span<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)i;
        }
    }
}
