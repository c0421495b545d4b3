using Hakmem.Tests.Stress;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Tags;

// Threads at work on tagged blocks, freed and resized by any thread, through the heap and other tags' allocators.
[Category(TestCategory.Stress)]
public sealed class TaggedStress : StressConformance
{
    private readonly TaggedTestHeap _tagged;

    public TaggedStress()
        : this(new TaggedTestHeap(new HakmemAllocator()))
    {
    }

    private TaggedStress(TaggedTestHeap tagged)
        : base(tagged)
    {
        _tagged = tagged;
    }

    protected override int TotalSteps => 12_000;

    protected override HakmemHeapMap GetHeapMap() => _tagged.Heap.GetHeapMap();

    protected override HakmemVerification Verify() => _tagged.Heap.Verify();

    protected override void AssertEmpty()
    {
        base.AssertEmpty();
        Assert.Equal(0, _tagged.Root.LiveBytes);
        Assert.True(_tagged.Root.PeakBytes > 0);
    }
}
