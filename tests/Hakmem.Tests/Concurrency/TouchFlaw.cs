namespace Hakmem.Tests.Concurrency;

// What DecayNotifyModel can do wrong.
internal enum TouchFlaw
{
    None,

    // Touch reads whether the heap is due soon before it writes that it was touched.
    DueSoonReadFirst,

    // Touch writes that it was touched by a plain store, with no fence before it reads whether the heap is due soon.
    TouchedWrittenPlainly,

    // The timer does not look again whether the heap was touched after it has let go of it.
    NoSecondLook,

    // It does, with no fence in between.
    NoFence,

    // It does before it lets go of it.
    SecondLookFirst,

    // A look takes the touch after it has looked at what there is to give back.
    TouchTakenLast,

    // A thread touches the heap before it frees.
    TouchedBeforeFree,
}
