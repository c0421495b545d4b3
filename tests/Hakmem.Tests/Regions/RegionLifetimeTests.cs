using System;
using System.Buffers;
using System.Collections.Generic;
using System.Runtime.ExceptionServices;
using System.Threading;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Regions;

// The end of a region's memory: disposal, Reset, regions within regions, the heap's disposal, and two threads at once.
public sealed unsafe class RegionLifetimeTests
{
    private static readonly Dictionary<string, Action<MemoryRegion>> s_uses = new()
    {
        ["Alloc"] = region => region.Alloc(64),
        ["Alloc zero bytes"] = region => region.Alloc(0),
        ["Alloc aligned"] = region => region.Alloc(8, 4096),
        ["Alloc large"] = region => region.Alloc(1 << 20),
        ["Alloc elements"] = region => region.Alloc<int>(3),
        ["AllocZeroed"] = region => region.AllocZeroed(8),
        ["AllocSpan"] = region => region.AllocSpan<int>(0),
        ["AllocMemory"] = region => region.AllocMemory<int>(3),
        ["RentMemory"] = region => region.RentMemory<int>(3),
        ["GetSpan"] = region => region.GetSpan(),
        ["GetMemory"] = region => region.GetMemory(),
        ["Advance"] = region => region.Advance(0),
        ["Reset"] = region => region.Reset(),
        ["CreateRegion"] = region => region.CreateRegion(),
    };

    public static TheoryData<string> Heaps => RegionHeaps.All;

    [Theory]
    [MemberData(nameof(Heaps))]
    public void EveryUseAfterDisposalThrows(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        foreach (bool isShared in (bool[])[false, true])
        {
            MemoryRegion region = heap.CreateRegion(new() { IsShared = isShared });
            region.Alloc(100);
            region.Dispose();
            region.Dispose();
            AssertAllThrow(region, "has been disposed", isShared);
            Assert.Equal((0L, 0L), (region.UsedBytes, region.CommittedBytes));
        }
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void UseAfterTheHeapsDisposalThrowsAndDisposalIsQuiet(string kind)
    {
        HakmemAllocator heap = RegionHeaps.Create(kind);
        MemoryRegion region = heap.CreateRegion();
        MemoryRegion used = heap.CreateRegion();
        Memory<int> memory = used.AllocMemory<int>(10);
        heap.Dispose();
        AssertAllThrow(region, "heap of the MemoryRegion has been disposed", isShared: false);
        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => heap.CreateRegion());
        region.Dispose();
        used.Dispose();
        Assert.Equal(0, used.CommittedBytes);
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void MemoryAndOwnersThrowAfterResetAndDisposal(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        MemoryRegion region = heap.CreateRegion();
        foreach (Action end in (Action[])[region.Reset, region.Dispose])
        {
            Memory<int> memory = region.AllocMemory<int>(10);
            Memory<byte> room = region.GetMemory(10);
            IMemoryOwner<long> owner = region.RentMemory<long>(20, zeroed: true);
            IMemoryOwner<byte> disposed = region.RentMemory<byte>(20);
            Memory<byte> ofDisposed = disposed.Memory;
            memory.Span[9] = 1;
            owner.Memory.Span[19] = 2;
            using (MemoryHandle pin = memory.Slice(9).Pin())
            {
                Assert.Equal(1, *(int*)pin.Pointer);
            }

            Assert.Equal((10, 20, 20), (memory.Length, owner.Memory.Length, ofDisposed.Length));
            disposed.Dispose();
            disposed.Dispose();
            Assert.Throws<ObjectDisposedException>(() => ofDisposed.Span.Length);
            Assert.Equal(1, memory.Span[9]);
            end();
            Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
            Assert.Throws<ObjectDisposedException>(() => memory.Pin().Dispose());
            Assert.Throws<ObjectDisposedException>(() => room.Span.Length);
            Assert.Throws<ObjectDisposedException>(() => owner.Memory.Length);
            owner.Dispose();
        }
    }

    [Fact]
    public void APinBehindTheEndIsRefused()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion();
        using MemoryManager<int> owner = (MemoryManager<int>)region.RentMemory<int>(3);
        owner.Pin(3).Dispose();
        Assert.Throws<ArgumentOutOfRangeException>(() => owner.Pin(4));
        Assert.Throws<ArgumentOutOfRangeException>(() => owner.Pin(-1));
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void RegionsWithinARegionEndWithIt(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        (long, long) before = RegionHeaps.LiveOf(heap);
        MemoryRegion outer = heap.CreateRegion();
        foreach (Action end in (Action[])[outer.Reset, outer.Dispose])
        {
            outer.Alloc(100);
            MemoryRegion first = outer.CreateRegion();
            MemoryRegion second = outer.CreateRegion(new() { IsShared = true });
            MemoryRegion third = outer.CreateRegion();
            MemoryRegion inner = second.CreateRegion();
            Assert.All([first, second, third, inner], region => Pattern.Fill(region.Alloc(5_000), 5_000, 1));
            Assert.Equal(5 * 65_536, outer.CommittedBytes);
            Assert.Equal(2 * 65_536, second.CommittedBytes);
            third.Dispose();
            third.Dispose();
            Assert.Equal(4 * 65_536, outer.CommittedBytes);
            end();
            Assert.All(
                [first, second, inner],
                region => Assert.Throws<ObjectDisposedException>(() => (nint)region.Alloc(1)));
            Assert.All([first, second, inner], region => Assert.Equal(0, region.CommittedBytes));
            first.Dispose();
        }

        Assert.Equal(before, RegionHeaps.LiveOf(heap));
    }

    [Fact]
    public void ADeepNestIsDisposedWithoutRecursion()
    {
        using HakmemAllocator heap = new();
        (long, long) before = RegionHeaps.LiveOf(heap);
        MemoryRegion outer = heap.CreateRegion();
        MemoryRegion inner = outer;
        for (int depth = 0; depth < 3_000; depth++)
        {
            inner = inner.CreateRegion(new() { ChunkBytes = 256 });
            inner.Alloc(16);
        }

        outer.Dispose();
        Assert.Equal(before, RegionHeaps.LiveOf(heap));
    }

    [Fact]
    public void TheOuterRegionsLimitHoldsWithin()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion outer = heap.CreateRegion(new() { MaxBytes = 100_000 });
        using MemoryRegion inner = outer.CreateRegion(new() { MaxBytes = 1 << 20 });
        outer.Alloc(40_000);
        inner.Alloc(50_000);
        OutOfMemoryException refusal = Assert.Throws<OutOfMemoryException>(() => (nint)inner.Alloc(40_000));
        Assert.Contains(
            "of the 100000 bytes that the region around this one may have", refusal.Message, StringComparison.Ordinal);
        inner.Dispose();
        using MemoryRegion second = outer.CreateRegion();
        second.Alloc(16);
    }

    // In a hardened heap every call is checked, in others a call that needs a chunk.
    [Theory]
    [MemberData(nameof(Heaps))]
    public void TwoThreadsAtOnceAreTold(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion();
        using MemoryRegion inner = region.CreateRegion();
        region.Alloc(64);
        inner.Alloc(64);
        bool isHardened = kind is nameof(HardeningLevel.Checked) or nameof(HardeningLevel.Full);
        Assert.True(region.TryEnterCall(out bool isOuter));
        Workers.RunOne(() =>
        {
            Exception? failure = Record.Exception(() => (nint)region.Alloc(64));
            Assert.Equal(isHardened, failure is InvalidOperationException);
            Assert.Throws<InvalidOperationException>(() => (nint)region.Alloc(1 << 20));
            Assert.Throws<InvalidOperationException>(region.Reset);
            Assert.Throws<InvalidOperationException>(region.Dispose);
        });
        region.ExitCall(isOuter);

        // An outer region does not end one that is in use.
        Assert.True(inner.TryEnterCall(out isOuter));
        Workers.RunOne(() => Assert.Throws<InvalidOperationException>(region.Dispose));
        inner.ExitCall(isOuter);
        inner.Alloc(64);
        region.Alloc(64);
    }

    // The heap may throw within a region's call, and handlers run before the call has ended.
    [Theory]
    [MemberData(nameof(Heaps))]
    public void HandlersOfARefusalMayUseTheRegion(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion();
        int self = Environment.CurrentManagedThreadId;
        int handled = 0;
        List<Exception> failures = [];
        EventHandler<FirstChanceExceptionEventArgs> handler = (_, raised) =>
        {
            if (Environment.CurrentManagedThreadId == self && raised.Exception is OutOfMemoryException)
            {
                try
                {
                    region.AllocSpan<byte>(100_000).Fill(1);
                    handled++;
                }
                catch (InvalidOperationException failure)
                {
                    failures.Add(failure);
                }
            }
        };
        AppDomain.CurrentDomain.FirstChanceException += handler;
        try
        {
            Assert.Throws<OutOfMemoryException>(() => (nint)region.Alloc((nuint)1 << 46));
        }
        finally
        {
            AppDomain.CurrentDomain.FirstChanceException -= handler;
        }

        Assert.Empty(failures);
        Assert.True(handled > 0);
        region.Alloc(1 << 20);
        region.Reset();
        region.Alloc(64);
    }

    // A thread may be on its way back from the heap with a chunk when its region ends with the one around it.
    [Fact]
    public void ChunksOfARegionThatEndsMeanwhileAreNotLost()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion outer = heap.CreateRegion();
        for (int round = 0; round < 1_000; round++)
        {
            MemoryRegion inner = outer.CreateRegion(new MemoryRegionOptions { IsShared = true });
            using Barrier barrier = new(2);
            Thread user = new(() =>
            {
                barrier.SignalAndWait();
                try
                {
                    while (true)
                    {
                        inner.Alloc(100_000);
                    }
                }
                catch (ObjectDisposedException)
                {
                    // Its end.
                }
            });
            user.Start();
            barrier.SignalAndWait(TestContext.Current.CancellationToken);
            Thread.SpinWait(round);
            outer.Reset();
            user.Join();
            Assert.Equal(0, heap.GetStatistics().LiveBlocks);
            Assert.Equal(0, outer.CommittedBytes);
        }
    }

    // Freed memory stays closed while it is in the quarantine.
    [Theory]
    [InlineData(HardeningLevel.Checked)]
    [InlineData(HardeningLevel.Full)]
    [Needs(SystemNeed.Pages)]
    public void HardenedMemoryIsInaccessibleAfterTheEnd(HardeningLevel hardening)
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = hardening });
        MemoryRegion region = heap.CreateRegion(new() { ChunkBytes = 256 });
        foreach (Action end in (Action[])[region.Reset, region.Dispose])
        {
            byte* small = (byte*)region.Alloc(10);
            byte* large = (byte*)region.Alloc(100_000);
            Assert.StartsWith("rw", Mappings.ProtectionOf(small), StringComparison.Ordinal);
            Assert.StartsWith("rw", Mappings.ProtectionOf(large), StringComparison.Ordinal);
            byte* behind = large + 100_000 + Environment.SystemPageSize;
            Assert.StartsWith("---", Mappings.ProtectionOf(behind), StringComparison.Ordinal);
            end();
            Assert.StartsWith("---", Mappings.ProtectionOf(small), StringComparison.Ordinal);
            Assert.StartsWith("---", Mappings.ProtectionOf(large), StringComparison.Ordinal);
            Assert.StartsWith("---", Mappings.ProtectionOf(large + 99_999), StringComparison.Ordinal);
        }

        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
        Assert.True(heap.Verify().IsSound);
    }

    // A region that is dropped is garbage; its chunks stay live in the heap's figures.
    [Fact]
    public void ADroppedRegionLeaksVisibly()
    {
        using HakmemAllocator heap = new();
        Workers.RunOne(() => heap.CreateRegion().Alloc(100));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal((1, 65_536), RegionHeaps.LiveOf(heap));
    }

    private static void AssertAllThrow(MemoryRegion region, string message, bool isShared)
    {
        foreach ((string name, Action<MemoryRegion> use) in s_uses)
        {
            // A shared region has no writer, disposed or not.
            if (!isShared || !name.StartsWith("Get", StringComparison.Ordinal))
            {
                ObjectDisposedException failure = Assert.Throws<ObjectDisposedException>(() => use(region));
                Assert.Contains(message, failure.Message, StringComparison.Ordinal);
            }
        }
    }
}
