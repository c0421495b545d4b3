namespace Hakmem.Tests.Support;

// What a test may need of the system that it runs on, beside what the library itself does. A run may choose by the trait `needs`, whose
// values these are in lower case; a test that needs what the system lacks is skipped, with the reason (SystemNeeds.ReasonToSkip).
internal enum SystemNeed
{
    // Linux itself: the tests of the layer for it, and of what only it does.
    Linux,

    // What the system says of this process's own memory, page by page: which pages are there, how they are protected.
    Pages,

    // Linux's files below /proc, read by the test itself.
    Proc,

    // A POSIX shell that sets a limit and then becomes the child.
    Shell,

    // Windows itself.
    Windows,

    // Pages smaller than a unit of 64 KiB.
    SmallPages,

    // That pages are moved, not copied.
    MovesPages,

    // Hashes of call stacks, by frame pointers.
    StackHashes,

    // The features of the memory layer with these names (OsFeatures).
    ReadableIsFree,
    DiscardKeepsCommitted,
    Populates,
    AdvisesHugePages,
    ReportsFaults,
    ReleasesParts,
}
