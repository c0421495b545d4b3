namespace Hakmem.Hardening;

// What a heap's guarded blocks add to its statistics.
//   LiveBlocks, LiveBytes   held by callers, at the size that was asked for
//   QuarantinedBytes        of freed blocks whose addresses are kept
//   SlabRuns, RunSlabs      how many of the heap's runs of SuperSlabs are ranges of guarded blocks, and their SuperSlabs
internal readonly record struct GuardedFigures(long LiveBlocks, long LiveBytes, long QuarantinedBytes, int SlabRuns, int RunSlabs);
