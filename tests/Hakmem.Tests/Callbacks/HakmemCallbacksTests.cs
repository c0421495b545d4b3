using System;
using System.Runtime.InteropServices;
using Hakmem.Tests.Children;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Callbacks;

// What C promises of these functions, and native libraries that call them. CallbacksConformance has the rest.
[Category(TestCategory.Child)]
public sealed unsafe class HakmemCallbacksTests
{
    [Fact]
    public void WhatCannotBeServedIsNull()
    {
        Assert.True(HakmemCallbacks.Malloc(nuint.MaxValue) == null);
        Assert.True(HakmemCallbacks.Calloc(nuint.MaxValue / 2, 3) == null);
        Assert.True(HakmemCallbacks.AlignedAlloc(3, 100) == null);
        Assert.True(HakmemCallbacks.AlignedAlloc(0, 100) == null);
        Assert.True(HakmemCallbacks.AlignedAlloc(64, nuint.MaxValue - 10) == null);
    }

    [Fact]
    public void ARefusedReallocKeepsTheBlock()
    {
        byte* block = (byte*)HakmemCallbacks.Malloc(10);
        block[9] = 7;
        Assert.True(HakmemCallbacks.Realloc(block, nuint.MaxValue) == null);
        Assert.Equal(7, block[9]);
        HakmemCallbacks.Free(block);
    }

    [Fact]
    public void CallocClearsAndTakesZero()
    {
        for (int i = 0; i < 10; i++)
        {
            byte* block = (byte*)HakmemCallbacks.Calloc(100, 10);
            Assert.False(new ReadOnlySpan<byte>(block, 1_000).ContainsAnyExcept((byte)0));
            new Span<byte>(block, 1_000).Fill(255);
            HakmemCallbacks.Free(block);
        }

        void* first = HakmemCallbacks.Calloc(0, 10);
        void* second = HakmemCallbacks.Calloc(10, 0);
        Assert.True(first != null && second != null && first != second);
        HakmemCallbacks.Free(first);
        HakmemCallbacks.Free(second);
        HakmemCallbacks.Free(null);
        Assert.Equal((nuint)0, HakmemCallbacks.UsableSize(null));
    }

    [Fact]
    public void ManagedCodeMayFreeWhatTheyAllocated()
    {
        HakmemAllocator.Shared.Free(HakmemCallbacks.Malloc(100));
        void* block = HakmemAllocator.Shared.Alloc(100);
        Assert.True(HakmemCallbacks.UsableSize(block) >= 100);
        HakmemCallbacks.Free(block);
    }

    // No exception can cross into native code.
    [Fact]
    public void AMisuseEndsTheProcessWithItsMessage()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.CallbackMisuse);
        Assert.NotEqual(0, child.ExitCode);
        Assert.Contains("A native caller of Hakmem made an error: Free of 0x", child.Error, StringComparison.Ordinal);
        Assert.Contains("it was freed already", child.Error, StringComparison.Ordinal);
    }

    // A thread of the C library's own, which the runtime has not seen before.
    [Fact]
    [Needs(SystemNeed.Linux)]
    public void ANativeThreadCanCallThem()
    {
        // The C library starts a thread at malloc itself: its argument is the size, and what it returns is the block.
        nint thread;
        Assert.Equal(0, NativeThreads.Create(&thread, null, (void*)HakmemCallbacks.Malloc, 4_000));
        void* block;
        Assert.Equal(0, NativeThreads.Join(thread, &block));
        Assert.True(HakmemAllocator.Shared.Owns(block));
        new Span<byte>(block, 4_000).Fill(1);
        Assert.Equal(0, NativeThreads.Create(&thread, null, (void*)HakmemCallbacks.Free, (nuint)block));
        Assert.Equal(0, NativeThreads.Join(thread, null));
    }

    [Fact]
    [Needs(SystemNeed.Linux)]
    public void ZlibCompressesWithThem()
    {
        if (!NativeLibrary.TryLoad(Zlib.Name, out nint library))
        {
            Assert.Skip($"{Zlib.Name} is not installed.");
        }

        byte[] text = new byte[100_000];
        new Random(1).NextBytes(text.AsSpan(0, 1_000));
        byte[] packed = Zlib.Deflate(text, out int allocations);
        Assert.True(allocations > 1);
        Assert.True(packed.Length < 3_000);
        using System.IO.MemoryStream stream = new(packed);
        using System.IO.Compression.ZLibStream unpacked = new(stream, System.IO.Compression.CompressionMode.Decompress);
        byte[] read = new byte[text.Length + 1];
        Assert.Equal(text.Length, unpacked.ReadAtLeast(read, read.Length, throwOnEndOfStream: false));
        Assert.Equal(text, read[..^1]);
        NativeLibrary.Free(library);
    }

    // In a process of its own, because the functions are set for the process, before SQLite's first use.
    [Fact]
    [Needs(SystemNeed.Linux)]
    public void SqliteWorksWithThem()
    {
        if (!NativeLibrary.TryLoad(Sqlite.Name, out nint library))
        {
            Assert.Skip($"{Sqlite.Name} is not installed.");
        }

        NativeLibrary.Free(library);
        ChildResult child = ChildProcess.Run(ChildScenarios.SqliteCallbacks);
        child.AssertSucceeded();
        Assert.Equal(Sqlite.Rows, child.Figure("rows"));
        Assert.True(child.Figure("allocations") > Sqlite.Rows);
        Assert.True(child.Figure("live-while-open") > 100_000);
        Assert.Equal(0, child.Figure("live-afterwards"));
    }

    private static class NativeThreads
    {
        [DllImport("libc", EntryPoint = "pthread_create")]
        public static extern int Create(nint* thread, void* attributes, void* start, nuint argument);

        [DllImport("libc", EntryPoint = "pthread_join")]
        public static extern int Join(nint thread, void** result);
    }
}
