using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Pooling;

// Each thread's part of a pool, by a number that no two living threads share: the number of the thread's cache of the
// shared heap, or the runtime's managed thread id. Both are small, as numbers of threads that have ended are given out
// again, and with a number its item passes on to the next thread. See OwnerCache.
//
// A thread reads its own item without a lock. Items are written, and the array is replaced by a longer one, under the
// lock, so that no item is lost. The array is published with release and read with acquire. Longer arrays are made
// before the lock is taken.
//
// A struct, so that a pool has the array at hand; never copy it. An array of objects, so that no type of an array is
// loaded for each T.
internal struct ThreadTable<T>(UninterruptibleLock tableLock)
    where T : class
{
    private const int FirstLength = 4;

    private volatile object?[] _items = new object?[FirstLength];

    // The item with that number, or null.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly T? TryGet(int number)
    {
        // SAFETY: Register, which takes a T, is all that sets items.
        object?[] items = _items;
        return (uint)number < (uint)items.Length ? Unsafe.As<T>(items[number]) : null;
    }

    // Sets the calling thread's item, and returns it.
    public T Register(int number, T item)
    {
        for (object?[]? longer = null; ;)
        {
            int length;
            using (tableLock.Enter())
            {
                object?[] items = _items;
                length = items.Length;
                if (number >= length && longer?.Length > length)
                {
                    items.AsSpan().CopyTo(longer);
                    items = longer;
                }

                if (number < items.Length)
                {
                    Volatile.Write(ref items[number], item);
                    _items = items;
                    return item;
                }
            }

            longer = new object?[Math.Max(number + 1, length * 2)];
        }
    }

    // All items, of the moment.
    public readonly Enumerator GetEnumerator() => new(_items);

    internal struct Enumerator(object?[] items)
    {
        private int _next;

        public T Current { get; private set; } = null!;

        public bool MoveNext()
        {
            while (_next < items.Length)
            {
                if (Volatile.Read(ref items[_next++]) is { } item)
                {
                    Current = Unsafe.As<T>(item);
                    return true;
                }
            }

            return false;
        }
    }
}
