using System;
using System.Collections.Generic;

namespace Hakmem.Compat;

// The memory figures of GC, which netstandard2.0 lacks. A threshold of zero means that nothing is known, and so does a
// size of zero, and an empty list.
internal static class GCMembers
{
    extension(GC)
    {
        public static GCMemoryInfo GetGCMemoryInfo(GCKind kind) =>
            kind == GCKind.Any ? default : throw new NotSupportedException();

        public static IReadOnlyDictionary<string, object> GetConfigurationVariables() =>
            new Dictionary<string, object>();

        // Not pinned: there is no such heap.
        public static T[] AllocateArray<T>(int length, bool pinned) =>
            pinned ? new T[length] : throw new NotSupportedException();
    }
}

// Stands in for System.GCMemoryInfo.
internal readonly record struct GCMemoryInfo(
    long HighMemoryLoadThresholdBytes, long MemoryLoadBytes, long TotalCommittedBytes, long Index,
    long PinnedObjectsCount, GCGenerationInfo[]? Generations)
{
    public ReadOnlySpan<GCGenerationInfo> GenerationInfo => Generations;
}

// Stands in for System.GCGenerationInfo.
internal readonly record struct GCGenerationInfo(long SizeAfterBytes, long FragmentationAfterBytes);

// Stands in for System.GCKind, of which this library uses one value.
internal enum GCKind
{
    Any,
}
