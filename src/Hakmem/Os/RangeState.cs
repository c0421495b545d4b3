namespace Hakmem.Os;

// What has become of a range that a refused move was to go to.
internal enum RangeState
{
    // It is as it was: committed.
    Committed,

    // Its mapping was gone, and it is reserved anew.
    Reserved,

    // Something else is mapped in it, or may be: it must never be touched again, nor unmapped.
    Foreign,
}
