using Hakmem.Records;

namespace Hakmem.Small;

// How a depot's magazines come back: those that nobody needed with time, all of them when asked, and with the heap.
internal sealed unsafe partial class Depot
{
    // Empties the full magazines that were not needed since the last time into their spans, the oldest first to go; where nothing was
    // exchanged meanwhile, empty ones are freed as well. Gives the number of magazines; corruptAddress as Drain's result.
    public int Reap(out nuint corruptAddress)
    {
        corruptAddress = 0;
        Magazine* reaped;
        using (_lock.Enter())
        {
            reaped = DetachOldest(_fewestFull);
            _fewestFull = _fullCount;
            if (!_isUsed)
            {
                DestroyAll(ref _empty);
            }

            _isUsed = false;
        }

        // Each in a turn of its own, so that nobody waits long. Until then its blocks count as the depot's.
        int count = 0;
        while (reaped != null)
        {
            Magazine* next = reaped->Next;
            using (_lock.Enter())
            {
                CountFull(-reaped->Count);
                nuint found = Flush(reaped);
                corruptAddress = found != 0 ? found : corruptAddress;
                Magazines.Destroy(_metadata, reaped);
            }

            reaped = next;
            count++;
        }

        return count;
    }

    // Empties all full magazines into their spans and frees the empty ones. Gives the address of a block found free already, or 0.
    public nuint FlushAll()
    {
        using (_lock.Enter())
        {
            nuint corruptAddress = 0;
            while (_full != null)
            {
                Magazine* magazine = PopFull();
                CountFull(-magazine->Count);
                nuint found = Flush(magazine);
                corruptAddress = found != 0 ? found : corruptAddress;
                Magazines.Destroy(_metadata, magazine);
            }

            DestroyAll(ref _empty);
            return corruptAddress;
        }
    }

    // Forgets all blocks, whose memory is being given back as a whole.
    public void Clear()
    {
        using (_lock.Enter())
        {
            DestroyAll(ref _full);
            DestroyAll(ref _empty);
            _fullCount = 0;
            _fewestFull = 0;
            _spans.Clear();
            CountFull(-_blocksInFull);
        }
    }

    // Takes the oldest full magazines out of the list.
    private Magazine* DetachOldest(int count)
    {
        int kept = _fullCount - count;
        _fullCount = kept;
        Magazine* reaped = _full;
        if (kept == 0)
        {
            _full = null;
            return reaped;
        }

        Magazine* last = _full;
        for (int i = 1; i < kept; i++)
        {
            last = last->Next;
        }

        reaped = last->Next;
        last->Next = null;
        return reaped;
    }

    private void DestroyAll(ref Magazine* list)
    {
        while (list != null)
        {
            Magazines.Destroy(_metadata, Pop(ref list));
        }
    }
}
