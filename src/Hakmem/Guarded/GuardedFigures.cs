namespace Hakmem.Guarded;

// What a heap's guarded blocks add to its statistics.
//   LiveBlocks, LiveBytes   held by callers, at the size that was asked for
//   QuarantinedBytes        of freed blocks whose addresses are kept
internal readonly record struct GuardedFigures(long LiveBlocks, long LiveBytes, long QuarantinedBytes);
