using Hakmem.Records;

namespace Hakmem.Pages;

// Units of one SuperSlab that lie together.
internal readonly struct UnitRange(int slab, int first, int count)
{
    public int Slab { get; } = slab;

    public int Count { get; } = count;

    public int Unit => (Slab << Geometry.UnitsPerSlabShift) + first;

    public uint Mask => UnitMask.Of(first, Count);
}
