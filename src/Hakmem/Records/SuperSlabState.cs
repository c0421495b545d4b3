namespace Hakmem.Records;

// The state of a SuperSlab. SuperSlabHeader.SetState follows each of these arrows under the lock of the heap that owns
// the SuperSlab, and checks in a Debug build that the SuperSlab is in the state where the arrow begins:
//
//    1   Untaken -> Cached                     SuperSlabCache.TryAdopt: committed for a heap
//    2   Cached -> Spans                       UnitAllocator.FindSlab: its units are allocated one by one from now on
//    3   Cached -> RunBody                     RunAllocator.Form: part of a run
//    4   Spans -> RunBody                      RunAllocator.TryAdopt: a unit run that fills it becomes a run
//    5   RunBody -> RunHead                    RunAllocator.Begin: the first of a run
//    6   Spans -> Cached                       UnitAllocator.FreeUnits: its last unit is freed
//    7   RunHead, RunBody -> Cached            RunAllocator.PutAll: its run is freed or becomes shorter
//    8   Cached -> Purging                     SuperSlabCache.StartPurge: a thread discards or decommits it
//    9   Purging -> Cached                     SuperSlabCache.FinishPurge: discarded, or the system refused
//   10   Purging -> Untaken                    SuperSlabCache.FinishPurge: decommitted
//   11   Cached -> Untaken                     SuperSlabCache.ReleaseCached, RemoveUncommitted
//   12   any but Untaken -> Untaken            SuperSlabCache.ReleaseAll: its heap is disposed
internal enum SuperSlabState
{
    // No heap owns it; it is not committed. Zero, since this is the state of a header that was never written.
    Untaken = 0,

    // Its units are allocated one by one, to spans and unit runs.
    Spans,

    // Empty and committed, for reuse. Under the lock it may be out of the lists already, on the way to another state.
    Cached,

    // The first SuperSlab of a run.
    RunHead,

    // A further SuperSlab of a run.
    RunBody,

    // Out of the cache's lists, while a thread discards or decommits it outside the lock.
    Purging,
}
