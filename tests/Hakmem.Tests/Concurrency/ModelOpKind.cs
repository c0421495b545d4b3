namespace Hakmem.Tests.Concurrency;

internal enum ModelOpKind
{
    // A plain read: of any value that the thread has no reason yet to know as overwritten.
    Load,

    // A read that orders what the writer did before its releasing write before what the reader does next.
    LoadAcquire,

    // A plain write.
    Store,

    // A write that takes along all the thread did before.
    StoreRelease,

    // A read and a write that nothing comes between: of the newest value, acquiring and releasing. No more than that, though .NET
    // promises a full fence: it is what Arm64's instructions guarantee.
    Exchange,
    CompareExchange,

    // Interlocked.MemoryBarrier.
    Fence,

    // Interlocked.MemoryBarrierProcessWide: begins here, reaches each thread at a moment of its own, and ends when it has reached all.
    ProcessWideBarrier,
    ProcessWideBarrierEnd,

    // A lock: taking waits until it is free and acquires, giving up releases.
    Lock,
    Unlock,
}
