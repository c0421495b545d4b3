using System;
using System.Buffers;
using System.Runtime.ExceptionServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// A handler of FirstChanceException runs where the exception is thrown: under whatever lock is held there. One that
// uses the same object must not wait for itself for ever.
public sealed class ReentryTests : IDisposable
{
    private readonly HakmemAllocator _heap = new(new HakmemOptions { MaxBytes = 8 << 20 });

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void RefusedPinThrowsUnderNoLock()
    {
        using NativeArray<byte> array = new(_heap, 1_000);
        Memory<byte> memory = array.AsMemory(0, 1_000);
        Memory<byte> part = array.AsMemory(0, 10);
        array.Resize(100);
        AssertThrowsUnderNoLock<ArgumentOutOfRangeException>(() => memory.Pin().Dispose(), () => part.Pin().Dispose());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RefusedResizeThrowsUnderNoLock(bool isPinned)
    {
        using NativeArray<byte> array = new(_heap, 1_000);
        Memory<byte> memory = array.AsMemory(0, 1_000);
        using MemoryHandle pin = isPinned ? memory.Pin() : default;
        AssertThrowsUnderNoLock<OutOfMemoryException>(() => array.Resize(50 << 20), () => memory.Pin().Dispose());
    }

    // The interface has no resize with an alignment that returns false.
    [Theory]
    [InlineData("tag")]
    [InlineData("region")]
    [InlineData("own")]
    public void RefusedResizeOfAlignedArrayThrowsUnderNoLock(string kind)
    {
        using MemoryTag tag = new("tag", null, 0, 1 << 20);
        using MemoryRegion region = _heap.CreateRegion();
        IHakmemAllocator allocator = kind switch
        {
            "tag" => _heap.ForTag(tag),
            "region" => region.AsAllocator(),
            _ => new ForwardingAllocator(_heap),
        };
        using NativeArray<byte> array = new(allocator, 1_000, alignment: 64);
        Memory<byte> memory = array.AsMemory(0, 1_000);
        AssertThrowsUnderNoLock<OutOfMemoryException>(() => array.Resize(50 << 20), () => memory.Pin().Dispose());
        array[999] = 7;
        array.Resize(2_000);
        Assert.Equal(7, array[999]);
    }

    [Fact]
    public void RefusedGrowthOfWriterThrowsUnderNoLock()
    {
        using NativeBufferWriter<byte> writer = new(_heap);
        writer.Write("abc"u8);
        ReadOnlyMemory<byte> memory = writer.WrittenMemory;
        AssertThrowsUnderNoLock<OutOfMemoryException>(() => writer.GetSpan(50 << 20), () => memory.Pin().Dispose());
    }

    [Fact]
    public void RefusedWriteToStreamThrowsUnderNoLock()
    {
        using NativeMemoryStream stream = new(_heap);
        stream.Write("abc"u8);
        Assert.True(stream.TryGetContents(out ReadOnlyMemory<byte> contents));
        AssertThrowsUnderNoLock<OutOfMemoryException>(() => stream.SetLength(50 << 20), () => contents.Pin().Dispose());
    }

    [Fact]
    public void DisposalAfterTheHeapsThrowsUnderNoLock()
    {
        HakmemAllocator heap = new();
        NativeArray<byte> array = new(heap, 1_000);
        heap.Dispose();
        Workers.RunOne(() =>
        {
            int seen = DuringThrows(array.Dispose, array.Dispose);
            Assert.Equal(0, seen);
        });
    }

    private static void AssertThrowsUnderNoLock<TException>(Action call, Action inHandler)
        where TException : Exception => Workers.RunOne(() =>
    {
        int seen = DuringThrows(() => Assert.Throws<TException>(call), inHandler);
        Assert.True(seen > 0, "Nothing was thrown.");
    });

    // Runs something in the first throw of this thread during a call, and says how many there were.
    private static int DuringThrows(Action call, Action inHandler)
    {
        int thread = Environment.CurrentManagedThreadId;
        int seen = 0;
        Exception? failure = null;
        AppDomain.CurrentDomain.FirstChanceException += OnThrow;
        try
        {
            call();
        }
        finally
        {
            AppDomain.CurrentDomain.FirstChanceException -= OnThrow;
        }

        Assert.Null(failure);
        return seen;

        void OnThrow(object? sender, FirstChanceExceptionEventArgs e)
        {
            if (Environment.CurrentManagedThreadId == thread && seen++ == 0)
            {
                failure = Record.Exception(inHandler);
            }
        }
    }
}
