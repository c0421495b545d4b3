using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Hakmem.Small;

// A list of caches whose RemoveAt moves the last item into the gap. It replaces List<T> on the path of a process's
// first allocation: List<T>'s assembly takes half a millisecond and 0.4 MiB, unless the program has loaded it, and a
// generic list of our own would take four types instead of one.
//
// Not thread-safe: the owner guards it.
internal sealed class CacheEntryList
{
    private const int FirstCapacity = 4;

    // An array of objects, so that the runtime creates no array type for entries. It is allocated at once, because a
    // process's first empty array takes longer.
    private object?[] _items = new object?[FirstCapacity];

    public int Count { get; private set; }

    // SAFETY: elements below Count are set, and each setter takes an entry.
    public CacheEntry this[int index]
    {
        get => Unsafe.As<CacheEntry>(_items[index])!;
        set => _items[index] = value;
    }

    // Whether one more fits without a larger array.
    public bool HasRoom => Count < _items.Length;

    // The length of the array that TryMoveTo needs next.
    public int NextCapacity => 2 * _items.Length;

    // Moves the items to a larger array of the caller's, for callers that cannot allocate here because a throw would do
    // harm. False if the array is null or not larger.
    public bool TryMoveTo(object?[]? larger)
    {
        if (larger is null || larger.Length <= _items.Length)
        {
            return false;
        }

        Array.Copy(_items, larger, Count);
        _items = larger;
        return true;
    }

    public void Add(CacheEntry item)
    {
        if (Count == _items.Length)
        {
            Array.Resize(ref _items, 2 * Count);
        }

        _items[Count++] = item;
    }

    // Removes and returns an item; the last item moves to its index.
    public CacheEntry RemoveAt(int index)
    {
        Debug.Assert((uint)index < (uint)Count, "The index is beyond the list's end.");
        CacheEntry item = this[index];
        _items[index] = _items[--Count];
        _items[Count] = null;
        return item;
    }

    public void Remove(CacheEntry item)
    {
        for (int i = 0; i < Count; i++)
        {
            if (ReferenceEquals(_items[i], item))
            {
                RemoveAt(i);
                return;
            }
        }
    }

    public void Clear()
    {
        Array.Clear(_items, 0, Count);
        Count = 0;
    }
}
