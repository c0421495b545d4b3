using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

public sealed unsafe class LeakScopeTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void AScopeThatFreesAllEndsQuietly()
    {
        void* before = _heap.Alloc(100);
        using (LeakScope.Begin(_heap))
        {
            using NativeBuffer<int> buffer = _heap.Rent<int>(1_000);
            using NativeMemoryStream stream = new(_heap);
            stream.Write(new byte[100_000]);
            _heap.Free(_heap.Alloc(5 << 20));

            // What was there before does not count.
            _heap.Free(before);
        }
    }

    [Fact]
    public void WhatIsNotFreedIsNamedWithItsStack()
    {
        LeakScope scope = LeakScope.Begin(_heap);
        Leak(3, 1_000);
        HakmemLeakException leak = Assert.Throws<HakmemLeakException>(scope.Dispose);
        Assert.Contains("3 blocks of 3000 bytes in all", leak.Message, StringComparison.Ordinal);
        Assert.Contains($"{nameof(LeakScopeTests)}.{nameof(Leak)}", leak.Message, StringComparison.Ordinal);
        Assert.Equal(3_000, leak.Profile!.InUseBytes);
        scope.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(70_000)]
    [InlineData(3 << 20)]
    public void OneBlockOfAnySizeIsFound(int bytes)
    {
        using LeakScope scope = LeakScope.Begin(_heap);
        scope.Check();
        void* block = Leak(1, bytes);
        Assert.Throws<HakmemLeakException>(scope.Check);
        _heap.Free(block);
        scope.Check();
    }

    [Fact]
    public void UndisposedObjectsOfEachKindAreFound()
    {
        using NativeMemoryPool pool = new(_heap, new NativeMemoryPoolOptions { RecycleOwners = true });
        using HakmemAllocator heap = new();
        AssertLeak(() => _heap.Rent<byte>(10).Dispose(), leaks: false);
        AssertLeak(() => pool.Rent(10), leaks: true);
        AssertLeak(() => _heap.RentMemory<byte>(10), leaks: true);
        AssertLeak(() => _ = new NativeArray<int>(_heap, 10), leaks: true);
        AssertLeak(() => _ = new NativeBufferWriter<byte>(_heap), leaks: true);
        AssertLeak(() => new NativeMemoryStream(_heap).Write(new byte[10]), leaks: true);
        AssertLeak(() => _heap.CreateRegion().Alloc(10), leaks: true);
    }

    [Fact]
    public void AllThreadsCount()
    {
        LeakScope scope = LeakScope.Begin(_heap);
        Workers.Run(4, _ => Leak(10, 100));
        HakmemLeakException leak = Assert.Throws<HakmemLeakException>(scope.Dispose);
        Assert.Contains("40 blocks of 4000 bytes in all", leak.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AHeapHasOneScopeAtATime()
    {
        using (LeakScope.Begin(_heap))
        {
            Assert.Throws<InvalidOperationException>(() => LeakScope.Begin(_heap));
        }

        LeakScope.Begin(_heap).Dispose();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* Leak(int count, int bytes)
    {
        void* last = null;
        for (int i = 0; i < count; i++)
        {
            last = _heap.Alloc((nuint)bytes);
        }

        return last;
    }

    private void AssertLeak(Action use, bool leaks)
    {
        LeakScope scope = LeakScope.Begin(_heap);
        use();
        if (leaks)
        {
            Assert.Throws<HakmemLeakException>(scope.Dispose);
        }
        else
        {
            scope.Dispose();
        }
    }
}
