namespace Hakmem.Pages;

// Where memory that was never used before was cut into blocks: a few stretches. What would be one too many is left out, and so are its pages, which
// then come as they are touched. Of one call.
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
