namespace Hakmem.Records;

internal enum SuperSlabState
{
    // No heap has it; not committed. Zero, so that it is what a header says before its first use.
    Untaken = 0,

    // Its units are cut into spans and unit runs.
    Spans,

    // Empty and committed, kept by its heap for reuse.
    Cached,

    // The first SuperSlab of a large run.
    RunHead,

    // A further SuperSlab of a large run.
    RunBody,

    // Taken out of the cache by a thread that is discarding or decommitting it.
    Purging,
}
