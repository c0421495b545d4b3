namespace Hakmem.Records;

// What a page map entry says of its unit. Whoever decides by it does so in a switch expression that names every kind
// and discards none: the compiler then refuses a build in which a kind is forgotten.
internal enum EntryKind
{
    // No span, run of units or guarded range covers the unit. Those of runs of whole SuperSlabs have no entries either.
    None,

    // Part of a span.
    Span,

    // Part of a growable run of units.
    UnitRun,

    // Part of the range of a guarded block.
    Guarded,
}
