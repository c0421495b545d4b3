namespace Hakmem.Hardening;

internal enum GuardedState
{
    // A caller has the block.
    Live = 1,

    // Freed: in the quarantine, or on its way there or out of it.
    Freed,
}
