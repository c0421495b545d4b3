using System;

namespace Hakmem.Samples.Tests.Support;

// A heap that has no memory left but for a few segments of a pipe: what samples do when a rental fails.
// The blocks are those of a tag, as the samples' are: tagged blocks have pages of their own.
internal sealed unsafe class FullHeap : IDisposable
{
    private const int MaxBytes = 4 << 20;
    private const int SegmentBytes = 64 << 10;

    private readonly MemoryTag _tag = new("filler");

    public FullHeap(int segmentsLeft = 0)
    {
        IHakmemAllocator tagged = Heap.ForTag(_tag);
        void* last = null;
        try
        {
            while (true)
            {
                void* block = tagged.Alloc(SegmentBytes);
                *(void**)block = last;
                last = block;
            }
        }
        catch (OutOfMemoryException)
        {
            for (int i = 0; i < segmentsLeft; i++)
            {
                void* block = last;
                last = *(void**)block;
                Heap.Free(block);
            }
        }

        LiveBlocks = Heap.GetStatistics().LiveBlocks;
    }

    public HakmemAllocator Heap { get; } = new(new HakmemOptions { MaxBytes = MaxBytes });

    // Those that fill it. They go with the heap.
    public long LiveBlocks { get; }

    public void Dispose()
    {
        Heap.Dispose();
        _tag.Dispose();
    }
}
