using System.Collections.Generic;
using Hakmem.Os;

namespace Hakmem.Metrics;

// The names under which heaps are published, for others who list heaps. A heap that is published twice has the later
// name. Thread-safe.
internal static class HeapNames
{
    private static readonly UninterruptibleLock s_lock = new();

    // Guarded by s_lock, under which nothing is allocated: the array is replaced.
    private static KeyValuePair<HakmemAllocator, string>[] s_names = [];

    public static void Add(HakmemAllocator allocator, string name)
    {
        KeyValuePair<HakmemAllocator, string>[] before;
        do
        {
            before = Read();
        }
        while (!TryReplace(before, [.. before, new(allocator, name)]));
    }

    // Removes one of the heap's entries with this name.
    public static void Remove(HakmemAllocator allocator, string name)
    {
        KeyValuePair<HakmemAllocator, string>[] before;
        List<KeyValuePair<HakmemAllocator, string>> after;
        do
        {
            before = Read();
            after = [.. before];
            after.Remove(new(allocator, name));
        }
        while (!TryReplace(before, after.ToArray()));
    }

    // Null for a heap that is not published.
    public static string? Find(HakmemAllocator allocator)
    {
        string? found = null;
        foreach (KeyValuePair<HakmemAllocator, string> entry in Read())
        {
            found = ReferenceEquals(entry.Key, allocator) ? entry.Value : found;
        }

        return found;
    }

    private static KeyValuePair<HakmemAllocator, string>[] Read()
    {
        using (s_lock.Enter())
        {
            return s_names;
        }
    }

    private static bool TryReplace(
        KeyValuePair<HakmemAllocator, string>[] before, KeyValuePair<HakmemAllocator, string>[] after)
    {
        using (s_lock.Enter())
        {
            bool isLatest = ReferenceEquals(s_names, before);
            s_names = isLatest ? after : s_names;
            return isLatest;
        }
    }
}
