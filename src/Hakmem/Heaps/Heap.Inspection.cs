using System.Numerics;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Heaps;

// What those ask who do not know what the heap's owner does meanwhile: the heap may be disposed at any moment.
internal sealed unsafe partial class Heap
{
    // Returns what is unused, as Trim does, except that blocks in the quarantine of hardening stay there. The calling
    // thread needs no cache. False once the heap is being disposed.
    public bool TryTrim() => _decay.TryTrim();

    // The most size classes that a heap has, and the size of their blocks in bytes.
    public int ClassCount => _classes.Length;

    public int BlockBytesOf(int index) => _classes[index].BlockBytes;

    // The bytes of this heap's SuperSlabs that are in memory; negative if the system does not say. The system is asked
    // under no lock, about the SuperSlabs of one moment. Once the heap is disposed it has none.
    public long CountResident()
    {
        int[] slabs = HeapMapReader.ListOwned(_superSlabs);
        long resident = 0;
        int i = 0;
        while (i < slabs.Length)
        {
            int first = slabs[i];
            int count = 0;
            while (i < slabs.Length && slabs[i] == first + count)
            {
                count++;
                i++;
            }

            long bytes = Os.CountResident(_arena.AddressOfSlab(first), (nuint)count << Geometry.SlabShift);
            if (bytes < 0)
            {
                return -1;
            }

            resident += bytes;
        }

        return resident;
    }

    // Adds to bytes the bytes of each class's spans that may have physical pages; the index is the class's. Once the
    // heap is disposed it has no SuperSlabs. What is outside of spans counts for no class.
    public void AddDirtyBytes(long[] bytes)
    {
        using (_superSlabs.SyncRoot.Enter())
        {
            for (int slab = _superSlabs.NextOwned(0); slab >= 0; slab = _superSlabs.NextOwned(slab + 1))
            {
                SuperSlabHeader* header = _arena.Slab(slab);
                uint taken = header->State == SuperSlabState.Spans ? header->DirtyUnits & ~header->FreeUnits : 0;
                for (; taken != 0; taken &= taken - 1)
                {
                    int unit = (slab << Geometry.UnitsPerSlabShift) + BitOperations.TrailingZeroCount(taken);
                    DecodedEntry entry = PageMapEntry.Decode(Volatile.Read(ref *_arena.EntryOf(unit)));
                    if (entry.Kind == EntryKind.Span)
                    {
                        bytes[entry.BinIndex] += DirtyMemory.BytesOfSpanUnit(_arena, unit);
                    }
                }
            }
        }
    }
}
