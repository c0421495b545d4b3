namespace Hakmem.Tests.Concurrency;

// What ReapingModel can do wrong.
internal enum ReapingFlaw
{
    None,

    // The barrier between closing the bin to Free and taking anything is missing.
    NoClosingBarrier,

    // The barrier between setting the guard and reading the top is missing.
    NoSecondBarrier,

    // The guard is set after that barrier.
    GuardBehindBarrier,

    // A top at the guard counts as if the owner were at rest.
    RestNotAsked,

    // The top is read before it is asked whether the owner is at rest.
    RestAskedLate,

    // The blocks are taken from the top downwards, with nothing put in front of Alloc.
    NoGuard,
}
