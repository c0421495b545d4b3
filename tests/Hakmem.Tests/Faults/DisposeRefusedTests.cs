using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Faults;

// A heap whose memory the system does not take back when it is disposed. Alone, so that the next heap gets the first one's slot.
[Collection(AloneCollection.Name)]
public sealed unsafe class DisposeRefusedTests
{
    [Theory]
    [InlineData(3 << 20)]
    [InlineData(64)]
    public void WhatADisposedHeapCouldNotGiveBackIsNotTheNextHeaps(int bytes)
    {
        using TestArena test = new();
        HakmemAllocator first = new(new HakmemOptions(), test.Arena);
        void* block = first.Alloc((nuint)bytes);
        test.Os.RefuseAll(OsCall.Decommit);
        first.Dispose();
        test.Os.RefuseNone();
        using HakmemAllocator second = new(new HakmemOptions(), test.Arena);
        Assert.False(second.Owns(block));
        Corruption.AssertReported(block, () => second.Free(block));
    }
}
