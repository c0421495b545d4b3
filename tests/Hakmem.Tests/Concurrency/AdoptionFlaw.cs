namespace Hakmem.Tests.Concurrency;

// What AdoptionModel can do wrong.
internal enum AdoptionFlaw
{
    None,

    // ThreadCacheRegistry.IsAlive without the fence after reading false.
    NoFence,

    // ThreadCacheRegistry.TryGet and FlushDead without the registry's lock.
    NoLock,

    // TryGet lets the lock go between finding a dead thread's cache and entering its new owner.
    LockLetGoBetween,

    // The thread counts as ended before it has stored for the last time.
    EndsEarly,
}
