namespace Hakmem.Pages;

// The ranges of memory never used before that one call has divided into blocks. Ranges beyond MaxCount are dropped:
// their pages fault in on first use. Not thread-safe.
internal unsafe struct FreshRanges
{
    private const int MaxCount = 8;

    private fixed long _starts[MaxCount];
    private fixed long _ends[MaxCount];

    public int Count { get; private set; }

    public byte* StartOf(int index) => (byte*)_starts[index];

    public byte* EndOf(int index) => (byte*)_ends[index];

    public void Add(byte* start, byte* end)
    {
        if (Count > 0 && EndOf(Count - 1) == start)
        {
            _ends[Count - 1] = (long)end;
        }
        else if (Count < MaxCount)
        {
            _starts[Count] = (long)start;
            _ends[Count++] = (long)end;
        }
    }
}
