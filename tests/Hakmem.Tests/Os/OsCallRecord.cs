namespace Hakmem.Tests.Os;

// One call that reached FaultyMemory. Address is the source's for a move and, for a reservation, the result.
internal readonly record struct OsCallRecord(OsCall Kind, nuint Address, nuint Bytes, bool IsDone);
