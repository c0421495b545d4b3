namespace Hakmem.Records;

// The parts of a page-map entry. Address is that of the first unit of the span, run or range. HeapSlot and BinIndex
// (see Stripe) are -1 for all kinds but a span.
internal readonly record struct DecodedEntry(EntryKind Kind, nuint Address, int HeapSlot, int BinIndex);

// What a page-map entry says of its unit: the kind of block there. Heaps/BlockKinds.cs has the object of each.
internal enum EntryKind
{
    // No span, unit run or guarded range covers the unit. Runs of whole SuperSlabs have no entries either.
    None,

    // Part of a span.
    Span,

    // Part of a growable run of units.
    UnitRun,

    // Part of the range of a guarded block.
    Guarded,

    // The last one of the list.
    Last = Guarded,
}
