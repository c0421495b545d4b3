using Hakmem.Records;

namespace Hakmem.Pages;

// Adjoining units of one SuperSlab.
internal readonly struct UnitRange(int slab, int first, int count)
{
    public int Slab { get; } = slab;

    public int Count { get; } = count;

    public int Unit => (Slab << Geometry.UnitsPerSlabShift) + first;

    public uint Mask => UnitMask.Of(first, Count);

    public nuint Bytes => (nuint)Count << Geometry.UnitShift;
}
