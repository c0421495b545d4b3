namespace Hakmem.Compat;

// Stands in for System.GCMemoryInfo.
internal readonly record struct GCMemoryInfo(long HighMemoryLoadThresholdBytes, long MemoryLoadBytes);
