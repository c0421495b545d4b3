namespace Hakmem.Guarded;

internal enum GuardedState
{
    // Still being made by the thread that allocates it: no block yet.
    Unready = 0,

    // A caller has the block.
    Live,

    // A caller has the block, and a thread a hold of it: it is being resized, and can be neither freed nor resized by
    // another.
    Held,

    // Freed: in the quarantine, or on its way there or out of it.
    Freed,
}
