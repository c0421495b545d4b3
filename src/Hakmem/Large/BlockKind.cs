namespace Hakmem.Large;

internal enum BlockKind
{
    // One of a span's blocks of a size class.
    Small,

    // A growable run of units within one SuperSlab.
    UnitRun,

    // A run of whole SuperSlabs.
    SlabRun,

    // A block between guard pages, in a range of its own.
    Guarded,
}
