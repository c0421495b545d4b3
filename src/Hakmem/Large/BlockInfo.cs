using Hakmem.Records;

namespace Hakmem.Large;

// What an address was found to be.
internal readonly record struct BlockInfo(BlockKind Kind, int First, int SizeClass, int Index, nuint Bytes)
{
    // Small: the span's first unit; UnitRun: the first unit; SlabRun: the first SuperSlab; Guarded: the range's first unit.
    public int First { get; } = First;

    // Small only.
    public int SizeClass { get; } = SizeClass;

    // Small only: the block's number in its span.
    public int Index { get; } = Index;

    // How many bytes the block has.
    public nuint Bytes { get; } = Bytes;
}
