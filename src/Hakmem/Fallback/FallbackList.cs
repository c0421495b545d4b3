using Hakmem.Os;

namespace Hakmem.Fallback;

// A part of a fallback heap's live blocks, linked through their headers, so that the heap can free them all and look an
// address up. A heap has several lists, since each allocation and each free enters the lock of one.
//
// Thread-safe. The lock guards all fields, and the links of the headers.
internal sealed unsafe class FallbackList
{
    private readonly UninterruptibleLock _lock = new();
    private FallbackHeader* _first;

    // The live blocks, with those that are detached for a resize, which are not linked.
    private long _count;
    private long _bytes;
    private long _detached;

    public void Add(FallbackHeader* header)
    {
        using (_lock.Enter())
        {
            Link(header);
            _count++;
            _bytes += (long)header->Bytes;
        }
    }

    public void Remove(FallbackHeader* header)
    {
        using (_lock.Enter())
        {
            Unlink(header);
            _count--;
            _bytes -= (long)header->Bytes;
        }
    }

    // Unlinks a block while its memory is resized, which may move it. It still counts as live.
    public void Detach(FallbackHeader* header)
    {
        using (_lock.Enter())
        {
            Unlink(header);
            _detached++;
        }
    }

    // Links a block again after Detach. addedBytes: the difference between its size and that before.
    public void Attach(FallbackHeader* header, long addedBytes)
    {
        using (_lock.Enter())
        {
            Link(header);
            _detached--;
            _bytes += addedBytes;
        }
    }

    // Adds the figures of this list to those of others.
    public void Count(ref long count, ref long bytes)
    {
        using (_lock.Enter())
        {
            count += _count;
            bytes += _bytes;
        }
    }

    // Whether a block of this list contains the address, or begins there. Takes time in proportion to the blocks.
    public bool Contains(byte* address)
    {
        using (_lock.Enter())
        {
            for (FallbackHeader* header = _first; header != null; header = header->Next)
            {
                byte* block = FallbackHeader.BlockOf(header);
                if (address == block || (address > block && (nuint)(address - block) < header->Bytes))
                {
                    return true;
                }
            }
        }

        return false;
    }

    // Empties the list. Returns its blocks, linked by Next.
    public FallbackHeader* TakeAll()
    {
        using (_lock.Enter())
        {
            FallbackHeader* first = _first;
            _first = null;
            _count = 0;
            _bytes = 0;
            return first;
        }
    }

    // Checks every header up to the first that is damaged, whose links would lead anywhere. Returns false then, or if
    // the number of linked blocks is not that counted, and the damaged header or null.
    public bool Verify(int heap, int list, out FallbackHeader* damaged)
    {
        using (_lock.Enter())
        {
            long linked = 0;
            FallbackHeader* previous = null;
            damaged = null;
            for (FallbackHeader* header = _first; header != null; header = header->Next)
            {
                if (header->Mark != FallbackHeader.MarkAt(header) || header->Previous != previous ||
                    header->Heap != heap || header->List != list)
                {
                    damaged = header;
                    return false;
                }

                previous = header;
                linked++;
            }

            return linked + _detached == _count;
        }
    }

    private void Link(FallbackHeader* header)
    {
        _lock.AssertHeld();
        header->Previous = null;
        header->Next = _first;
        if (_first != null)
        {
            _first->Previous = header;
        }

        _first = header;
    }

    private void Unlink(FallbackHeader* header)
    {
        _lock.AssertHeld();
        if (header->Previous == null)
        {
            _first = header->Next;
        }
        else
        {
            header->Previous->Next = header->Next;
        }

        if (header->Next != null)
        {
            header->Next->Previous = header->Previous;
        }
    }
}
