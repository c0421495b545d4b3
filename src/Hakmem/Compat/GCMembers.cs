using System;

namespace Hakmem.Compat;

// GC's memory figures, which netstandard2.0 lacks: a threshold of zero says that nothing is known, of whatever kind of collection.
internal static class GCMembers
{
    extension(GC)
    {
        public static GCMemoryInfo GetGCMemoryInfo(GCKind kind) => kind == GCKind.Any ? default : throw new NotSupportedException();
    }
}
