using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Hakmem.Events;
using Hakmem.Heaps;
using Hakmem.Metrics;

namespace Hakmem.Inspection;

// One heap of the process, as requests name it: by its slot or by the name that it is published under. Those that are
// not published are `shared` and `heap-N`. In a process without an arena the shared heap is all there is to be listed.
internal sealed record InspectedHeap(HakmemAllocator Allocator, int Slot, string Name)
{
    private const string SharedName = "shared";

    // How many heaps a refusal lists.
    private const int MaxListed = 20;

    // The heaps that are not disposed, by slot.
    public static IReadOnlyList<InspectedHeap> ReadAll()
    {
        if (!HakmemAllocator.IsSupported)
        {
            return [new InspectedHeap(HakmemAllocator.Shared, HeapSlots.Shared, NameOf(HakmemAllocator.Shared, 0))];
        }

        List<InspectedHeap> heaps = [];
        foreach (Heap heap in Heap.ReadAll())
        {
            // The slot changes when the heap is disposed.
            if (heap.Front is HakmemAllocator { LiveHeap: not null } allocator && allocator.Slot is var slot &&
                slot < HeapSlots.Max)
            {
                heaps.Add(new InspectedHeap(allocator, slot, NameOf(allocator, slot)));
            }
        }

        return [.. heaps.OrderBy(heap => heap.Slot)];
    }

    // The heaps that a request is about: all, or the one that its argument names. Throws RequestException if there is
    // none.
    public static IReadOnlyList<InspectedHeap> Choose(EventRequest request)
    {
        string wanted = request.TextOf("Heap");
        IReadOnlyList<InspectedHeap> all = ReadAll();
        IReadOnlyList<InspectedHeap> chosen = wanted.Length == 0
            ? all
            : [.. all.Where(heap => heap.Name == wanted || TextOf(heap.Slot) == wanted)];
        if (chosen.Count == 0)
        {
            IEnumerable<string> listed = all.Take(MaxListed).Select(heap => $"{heap.Name} ({TextOf(heap.Slot)})");
            string names = string.Join(", ", listed) +
                (all.Count > MaxListed ? $" and {TextOf(all.Count - MaxListed)} more" : "");
            throw new RequestException(
                RequestException.NoHeap,
                all.Count == 0 ? "The process has no heap." : $"There is no heap \"{wanted}\". There are: {names}.");
        }

        return chosen;
    }

    private static string NameOf(HakmemAllocator allocator, int slot) =>
        HeapNames.Find(allocator) ?? (slot == HeapSlots.Shared ? SharedName : "heap-" + TextOf(slot));

    private static string TextOf(int number) => number.ToString(CultureInfo.InvariantCulture);
}
