using Hakmem.Metrics;
using Xunit;

namespace Hakmem.Tests.Metrics;

public sealed class HeapNamesTests
{
    [Fact]
    public void AHeapHasTheLatestOfItsNames()
    {
        using HakmemAllocator heap = new();
        using HakmemAllocator other = new();
        HeapNames.Add(heap, "first");
        HeapNames.Add(other, "other");
        HeapNames.Add(heap, "second");
        HeapNames.Add(heap, "third");
        Assert.Equal("third", HeapNames.Find(heap));
        HeapNames.Remove(heap, "second");
        HeapNames.Remove(heap, "other");
        Assert.Equal("third", HeapNames.Find(heap));
        HeapNames.Remove(heap, "third");
        Assert.Equal("first", HeapNames.Find(heap));
        HeapNames.Remove(heap, "first");
        Assert.Null(HeapNames.Find(heap));
        Assert.Equal("other", HeapNames.Find(other));
        HeapNames.Remove(other, "other");
        Assert.Null(HeapNames.Find(other));
    }
}
