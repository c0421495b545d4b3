using System;

namespace Hakmem.Os;

// A growing list of mappings in memory of its own, outside of the heaps that it helps to measure. The report leaves out
// the range of the list.
//
// Used by one thread.
internal sealed unsafe class MappingTable : IDisposable
{
    private const int InitialCapacity = 4096;

    private MemoryMapping* _items;
    private int _capacity;

    // Throws OutOfMemoryException if the system refuses the memory.
    public MappingTable() => Grow(InitialCapacity);

    ~MappingTable() => Release();

    public int Count { get; private set; }

    public AddressRange OwnRange => new((nuint)_items, (nuint)_items + Bytes(_capacity), ResidentKind.Reader);

    // SAFETY: the index is checked, and the memory is the table's until Dispose.
    public ref MemoryMapping this[int index]
    {
        get
        {
            if ((uint)index >= (uint)Count)
            {
                throw new ArgumentOutOfRangeException(nameof(index));
            }

            return ref _items[index];
        }
    }

    public void Add(in MemoryMapping mapping)
    {
        if (Count == _capacity)
        {
            Grow(2 * _capacity);
        }

        _items[Count++] = mapping;
    }

    // The index of the mapping that contains an address, or -1.
    public int Find(nuint address)
    {
        int low = 0;
        int high = Count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (address < _items[middle].Start)
            {
                high = middle - 1;
            }
            else if (address >= _items[middle].End)
            {
                low = middle + 1;
            }
            else
            {
                return middle;
            }
        }

        return -1;
    }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private static nuint Bytes(int capacity) => (nuint)capacity * (nuint)sizeof(MemoryMapping);

    private void Grow(int capacity)
    {
        int writable = LinuxNative.ProtectRead | LinuxNative.ProtectWrite;
        byte* items = LinuxNative.Map(null, Bytes(capacity), writable, LinuxNative.MapPrivateAnonymous, -1, 0);
        if (items == LinuxNative.MapFailed)
        {
            throw new OutOfMemoryException("The system refused the memory to list this process's mappings.");
        }

        new ReadOnlySpan<MemoryMapping>(_items, Count).CopyTo(new Span<MemoryMapping>(items, capacity));
        Release();
        _items = (MemoryMapping*)items;
        _capacity = capacity;
    }

    private void Release()
    {
        if (_items != null)
        {
            _ = LinuxNative.Unmap((byte*)_items, Bytes(_capacity));
            _items = null;
        }
    }
}

// Addresses from Start up to End, and what they are known to be.
internal readonly record struct AddressRange(nuint Start, nuint End, ResidentKind Kind);
