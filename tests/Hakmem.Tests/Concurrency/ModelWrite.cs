namespace Hakmem.Tests.Concurrency;

// A value in a cell's history, and what its reader learns by acquiring it: for each cell, the earliest write it may still read.
internal readonly record struct ModelWrite(int Value, int[] View);
