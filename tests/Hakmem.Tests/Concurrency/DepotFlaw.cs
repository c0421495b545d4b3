namespace Hakmem.Tests.Concurrency;

// What DepotModel can do wrong, each a slip that an edit of Depot or CacheExchange could make.
internal enum DepotFlaw
{
    None,

    // Depot.ExchangeForFull without its lock.
    NoLock,

    // The head of the list of full magazines is read before the lock is taken.
    CheckBeforeLock,

    // CacheExchange.Free passes the magazine to the depot first and brings its count up to date after.
    CountAfterGivingAway,

    // The lock is given up by a plain store.
    PlainUnlock,

    // Push makes a magazine the head before it has written its Next.
    NextAfterUnlock,

    // A block's address reaches the other thread by a plain store: the caller's slip, which no allocator can make good.
    PlainHandOver,
}
