using System;
using System.Collections.Generic;

namespace Hakmem.Tests.Buffers;

// Takes all that a heap with a limit has, and gives some of it back, so that what is asked for next is refused or not
// as it comes.
internal sealed unsafe class HeapFiller(HakmemAllocator heap)
{
    private readonly List<nint> _blocks = [];

    public void Fill()
    {
        for (nuint bytes = 1 << 20; bytes >= 16; bytes /= 4)
        {
            while (heap.TryAlloc(bytes, out void* block))
            {
                _blocks.Add((nint)block);
            }
        }
    }

    public void Drain(int count, Random random)
    {
        for (; count > 0 && _blocks.Count > 0; count--)
        {
            int index = random.Next(_blocks.Count);
            heap.Free((void*)_blocks[index]);
            _blocks[index] = _blocks[^1];
            _blocks.RemoveAt(_blocks.Count - 1);
        }
    }

    public void FreeAll()
    {
        _blocks.ForEach(block => heap.Free((void*)block));
        _blocks.Clear();
    }
}
