using System;

namespace Hakmem.Compat;

// The memory figures of GC, which netstandard2.0 lacks. A threshold of zero means that nothing is known.
internal static class GCMembers
{
    extension(GC)
    {
        public static GCMemoryInfo GetGCMemoryInfo(GCKind kind) =>
            kind == GCKind.Any ? default : throw new NotSupportedException();
    }
}

// Stands in for System.GCMemoryInfo.
internal readonly record struct GCMemoryInfo(long HighMemoryLoadThresholdBytes, long MemoryLoadBytes);

// Stands in for System.GCKind, of which this library uses one value.
internal enum GCKind
{
    Any,
}
