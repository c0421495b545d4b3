namespace Hakmem.Tests.Concurrency;

// What DecayNotifyModel can do wrong.
internal enum DecayNotifyFlaw
{
    None,

    // NotifyUsed reads IsDueSoon before it writes IsUsed.
    DueSoonReadFirst,

    // NotifyUsed writes IsUsed by a plain store, with no fence before it reads IsDueSoon.
    UsedWrittenPlainly,

    // The timer does not read IsUsed again after it has removed the heap.
    NoSecondCheck,

    // It does, with no fence in between.
    NoFence,

    // It does before it removes the heap.
    SecondCheckFirst,

    // A run takes IsUsed after it has read what there is to return.
    UsedTakenLast,

    // A thread notifies before it frees.
    NotifiedBeforeFree,
}
