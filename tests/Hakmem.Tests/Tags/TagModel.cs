using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Tags;

// A tree of tags on two heaps beside the list of blocks that must be live: takes steps on both and compares every tag's
// figure. A step that is refused must have a reason, and leaves everything as it was.
internal sealed unsafe class TagModel : IDisposable
{
    // The parent of each tag and its hard limit.
    private static readonly (int Parent, long Hard)[] s_tree =
        [(-1, 0), (0, 0), (1, 150_000), (2, 0), (0, 400_000), (4, 60_000), (-1, 0)];

    private readonly HakmemAllocator[] _heaps;
    private readonly MemoryTag[] _tags = new MemoryTag[s_tree.Length];
    private readonly List<(int Tag, int Heap, Block Block)> _live = [];
    private uint _seed;

    public TagModel(HakmemAllocator[] heaps)
    {
        _heaps = heaps;
        for (int i = 0; i < _tags.Length; i++)
        {
            _tags[i] = Create(i);
        }
    }

    // Whether the system refuses requests, so that a refusal needs no other reason.
    public bool IsSystemRefusing { get; set; }

    public int Count => _live.Count;

    public void Take(TagStep step)
    {
        int tag = step.Tag % _tags.Length;
        int index = _live.Count == 0 ? -1 : step.Slot % _live.Count;
        int heap = index < 0 ? step.Slot % _heaps.Length : _live[index].Heap;
        IHakmemAllocator by = step.By % 3 == 0 ? _heaps[heap] : _heaps[heap].ForTag(_tags[step.By % _tags.Length]);
        switch (step.Action)
        {
            case TagAction.Free when index >= 0:
                _live[index].Block.VerifyAndFree(by);
                _live.RemoveAt(index);
                break;
            case TagAction.Resize when index >= 0:
                Resize(index, by, (nuint)step.Bytes);
                break;
            case TagAction.Expand when index >= 0:
                Expand(index, by, (nuint)step.Bytes);
                break;
            case TagAction.Replace:
                Replace(tag);
                break;
            case TagAction.Trim:
                _heaps[heap].Trim();
                break;
            default:
                Allocate(tag, step.Slot % _heaps.Length, (nuint)step.Bytes, step.Action == TagAction.AllocAligned);
                break;
        }
    }

    public void Check()
    {
        for (int i = 0; i < _tags.Length; i++)
        {
            Assert.Equal(ExpectedBytes(i), _tags[i].LiveBytes);
            Assert.True(_tags[i].PeakBytes >= _tags[i].LiveBytes);
            Assert.True(s_tree[i].Hard == 0 || _tags[i].PeakBytes <= s_tree[i].Hard);
        }

        for (int i = 0; i < _heaps.Length; i++)
        {
            HakmemStatistics statistics = _heaps[i].GetStatistics();
            Assert.Equal(_live.Count(entry => entry.Heap == i), statistics.LiveBlocks);
            Assert.Equal(_live.Where(entry => entry.Heap == i).Sum(BytesOf), statistics.LiveBytes);
        }
    }

    public void Finish()
    {
        foreach ((_, int heap, Block block) in _live)
        {
            block.VerifyAndFree(_heaps[heap]);
        }

        _live.Clear();
        Check();
        foreach (HakmemAllocator heap in _heaps)
        {
            heap.Trim();
            HeapSoundness.Assert(heap);
            Assert.Equal(0, heap.GetStatistics().CommittedBytes);
        }
    }

    public void Dispose()
    {
        Array.ForEach(_heaps, heap => heap.Dispose());
        Array.ForEach(_tags, tag => tag.Dispose());
    }

    private static long BytesOf((int Tag, int Heap, Block Block) entry) => (long)entry.Block.Bytes;

    private static bool IsAbove(int tag, int below)
    {
        while (below >= 0 && below != tag)
        {
            below = s_tree[below].Parent;
        }

        return below == tag;
    }

    private MemoryTag Create(int tag) => new(
        $"t{tag}", s_tree[tag].Parent < 0 ? null : _tags[s_tree[tag].Parent], 0, s_tree[tag].Hard);

    private long ExpectedBytes(int tag) => _live.Where(entry => IsAbove(tag, entry.Tag)).Sum(BytesOf);

    private void Allocate(int tag, int heap, nuint bytes, bool isAligned)
    {
        IHakmemAllocator view = _heaps[heap].ForTag(_tags[tag]);
        bool isDone = isAligned
            ? view.TryAlignedAlloc(bytes, 256, out void* pointer)
            : view.TryAlloc(bytes, out pointer);
        if (isDone)
        {
            _live.Add((tag, heap, Block.Filled(pointer, view.UsableSize(pointer), _seed++)));
        }
        else
        {
            AssertRefusable(tag, bytes, 0);
        }
    }

    private void Resize(int index, IHakmemAllocator by, nuint bytes)
    {
        (int tag, int heap, Block old) = _live[index];
        void* pointer = old.Pointer;
        if (by.TryRealloc(ref pointer, bytes))
        {
            Pattern.Verify(pointer, nuint.Min(old.Bytes, bytes), old.Seed);
        }
        else
        {
            old.Verify();
            AssertRefusable(tag, bytes, old.Bytes);
        }

        _live[index] = (tag, heap, Block.Filled(pointer, by.UsableSize(pointer), _seed++));
    }

    private void Expand(int index, IHakmemAllocator by, nuint bytes)
    {
        (int tag, int heap, Block old) = _live[index];
        bool isEnough = by.TryExpand(old.Pointer, bytes);
        old.Verify();
        nuint usable = by.UsableSize(old.Pointer);
        Assert.True(usable >= (isEnough ? bytes : old.Bytes));
        _live[index] = (tag, heap, Block.Filled(old.Pointer, usable, _seed++));
    }

    // A tag that nothing counts for, but which has none below it, ends and another takes its place.
    private void Replace(int tag)
    {
        bool isLeaf = s_tree.All(entry => entry.Parent != tag);
        if (isLeaf && ExpectedBytes(tag) == 0)
        {
            _tags[tag].Dispose();
            _tags[tag] = Create(tag);
        }
    }

    // A refusal has a limit as its reason: some tag above has no room for the largest block that may come of a request.
    private void AssertRefusable(int tag, nuint bytes, nuint had)
    {
        nuint most = _heaps[0].GoodSize(bytes + 256) + 256;
        bool hasReason = IsSystemRefusing;
        for (int above = tag; above >= 0; above = s_tree[above].Parent)
        {
            hasReason |= s_tree[above].Hard > 0 && ExpectedBytes(above) - (long)had + (long)most > s_tree[above].Hard;
        }

        Assert.True(hasReason, $"t{tag} refused {bytes} bytes for no reason.");
    }
}
