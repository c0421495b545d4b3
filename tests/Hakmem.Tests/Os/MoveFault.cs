namespace Hakmem.Tests.Os;

// What a refused move does to its target, as kernels before 6.17 may.
public enum MoveFault
{
    Nothing,

    // The target's mapping is gone.
    Hole,

    // It is gone, and another thread's mapping has come into the middle of its place.
    ForeignMapping,
}
