using System;
using System.Runtime.CompilerServices;

namespace Hakmem.Small;

// A list of things, in no order that outlives a removal. It is here for what every process does first: List<T> brings an assembly with it, which
// takes half a millisecond to load and 0.4 MiB where the program has not loaded it itself.
//
// Not thread-safe: whoever has one guards it.
internal sealed class SwapRemoveList<T>
    where T : class
{
    private const int FirstCapacity = 4;

    // Of objects, so that no type of an array need be made for each T; and an array from the first, as a process's first empty one takes longer.
    private object?[] _items = new object?[FirstCapacity];

    public int Count { get; private set; }

    // SAFETY: places below Count have been set, and only by what takes a T.
    public T this[int index]
    {
        get => Unsafe.As<T>(_items[index])!;
        set => _items[index] = value;
    }

    // Whether one more fits without a larger array.
    public bool HasRoom => Count < _items.Length;

    // How large an array MoveTo wants next.
    public int NextCapacity => 2 * _items.Length;

    // Makes room without allocating, where a throw would do harm: by an array that the caller made before. False if it
    // is null or no larger.
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

    public void Add(T item)
    {
        if (Count == _items.Length)
        {
            Array.Resize(ref _items, 2 * Count);
        }

        _items[Count++] = item;
    }

    // Takes one out; the last moves to its place.
    public T RemoveAt(int index)
    {
        T item = this[index];
        _items[index] = _items[--Count];
        _items[Count] = null;
        return item;
    }

    public void Remove(T item)
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
