using Hakmem.Os;

namespace Hakmem.Metrics;

// The names under which heaps are published, for others who list heaps. A heap that is published twice has the later
// name. To remove a name needs no managed memory. Thread-safe.
internal static class HeapNames
{
    private static readonly UninterruptibleLock s_lock = new();

    // Guarded by s_lock, under which nothing is allocated. The latest comes first.
    private static Entry? s_latest;

    // Throws OutOfMemoryException, and then there is no such name.
    public static void Add(HakmemAllocator allocator, string name)
    {
        Entry entry = new(allocator, name);
        using (s_lock.Enter())
        {
            entry.Next = s_latest;
            s_latest = entry;
        }
    }

    // Removes one of the heap's entries with this name, if there is one.
    public static void Remove(HakmemAllocator allocator, string name)
    {
        using (s_lock.Enter())
        {
            Entry? before = null;
            for (Entry? entry = s_latest; entry is not null; before = entry, entry = entry.Next)
            {
                if (ReferenceEquals(entry.Allocator, allocator) && entry.Name == name)
                {
                    if (before is null)
                    {
                        s_latest = entry.Next;
                    }
                    else
                    {
                        before.Next = entry.Next;
                    }

                    return;
                }
            }
        }
    }

    // Null for a heap that is not published.
    public static string? Find(HakmemAllocator allocator)
    {
        using (s_lock.Enter())
        {
            Entry? entry = s_latest;
            while (entry is not null && !ReferenceEquals(entry.Allocator, allocator))
            {
                entry = entry.Next;
            }

            return entry?.Name;
        }
    }

    private sealed class Entry(HakmemAllocator allocator, string name)
    {
        public HakmemAllocator Allocator => allocator;

        public string Name => name;

        // Guarded by s_lock.
        public Entry? Next { get; set; }
    }
}
