using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Conformance;

// What Kestrel and its pipes rely on in a pool. The framework's own is one of the subclasses, so that the rules stated here are the
// framework's and not ours.
public abstract class BlockPoolConformance
{
    private const int BlockBytes = 4096;

    protected abstract MemoryPool<byte> Pool { get; }

    [Fact]
    public void EveryBufferIsAWholeBlock()
    {
        Assert.Equal(BlockBytes, Pool.MaxBufferSize);
        foreach (int size in new[] { -1, 0, 1, 100, 4_095, 4_096 })
        {
            using IMemoryOwner<byte> owner = Pool.Rent(size);
            Assert.Equal(BlockBytes, owner.Memory.Length);
            owner.Memory.Span.Fill(0xA5);
            Assert.Equal(-1, owner.Memory.Span.IndexOfAnyExcept((byte)0xA5));
        }
    }

    [Fact]
    public void ABufferLargerThanABlockIsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Pool.Rent(BlockBytes + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Pool.Rent(int.MaxValue));
    }

    [Fact]
    public void ABufferIsPartOfAnArray()
    {
        using IMemoryOwner<byte> owner = Pool.Rent();
        Assert.True(MemoryMarshal.TryGetArray<byte>(owner.Memory, out ArraySegment<byte> segment));
        Assert.Equal(BlockBytes, segment.Count);
        segment[17] = 42;
        Assert.Equal(42, owner.Memory.Span[17]);
    }

    [Fact]
    public unsafe void ACollectionDoesNotMoveABuffer()
    {
        using IMemoryOwner<byte> owner = Pool.Rent();
        nint before = AddressOf(owner.Memory);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: true);
        Assert.Equal(before, AddressOf(owner.Memory));
        using MemoryHandle handle = owner.Memory[100..].Pin();
        Assert.Equal(before + 100, (nint)handle.Pointer);

        // SAFETY: an address to compare, never used.
        static nint AddressOf(Memory<byte> memory) => (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref memory.Span[0]);
    }

    [Fact]
    public void LiveBuffersDoNotShareBytes()
    {
        List<IMemoryOwner<byte>> owners = [];
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 500; i++)
            {
                owners.Add(Pool.Rent());
                MemoryMarshal.Cast<byte, int>(owners[i].Memory.Span).Fill(i);
            }

            for (int i = 0; i < 500; i++)
            {
                Assert.Equal(-1, MemoryMarshal.Cast<byte, int>(owners[i].Memory.Span).IndexOfAnyExcept(i));
                owners[i].Dispose();
            }

            owners.Clear();
        }
    }

    [Fact]
    public void AnotherThreadMayReturnABuffer()
    {
        IMemoryOwner<byte>[] owners = [.. Enumerable.Range(0, 200).Select(_ => Pool.Rent())];
        Workers.RunOne(() =>
        {
            foreach (IMemoryOwner<byte> owner in owners)
            {
                owner.Dispose();
            }
        });
        using IMemoryOwner<byte> next = Pool.Rent();
        next.Memory.Span.Fill(1);
    }

    [Fact]
    public async Task BuffersSurviveAnAwait()
    {
        for (int i = 0; i < 50; i++)
        {
            using IMemoryOwner<byte> owner = Pool.Rent(2_000);
            owner.Memory.Span.Fill((byte)i);
            await Task.Yield();
            Assert.Equal(-1, owner.Memory.Span.IndexOfAnyExcept((byte)i));
        }
    }

    [Fact]
    public void ADisposedPoolRefusesAndItsBuffersStayValid()
    {
        MemoryPool<byte> pool = CreateOther();
        IMemoryOwner<byte> owner = pool.Rent();
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Rent());
        owner.Memory.Span.Fill(9);
        Assert.Equal(-1, owner.Memory.Span.IndexOfAnyExcept((byte)9));
        owner.Dispose();
    }

    // A pool of the same kind that a test may dispose.
    protected abstract MemoryPool<byte> CreateOther();
}
