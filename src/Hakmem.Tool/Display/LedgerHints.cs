namespace Hakmem.Tool.Display;

// What to do about a row of the ledger that grows, by its kind; docs/where-is-my-memory.md says more.
internal static class LedgerHints
{
    public static string Of(string kind) => kind switch
    {
        nameof(NativeMemoryKind.CollectorGeneration0) or nameof(NativeMemoryKind.CollectorRecent) =>
            "garbage or young objects: --collect tells them apart",
        nameof(NativeMemoryKind.CollectorGeneration1) or nameof(NativeMemoryKind.CollectorGeneration2) =>
            "managed objects that live long: a heap dump",
        nameof(NativeMemoryKind.CollectorLargeObjects) =>
            "arrays of 85 000 bytes and more: a cache or pool that keeps them",
        nameof(NativeMemoryKind.CollectorPinnedObjects) =>
            "buffers of sockets, such as Kestrel's: a limit of their pool",
        nameof(NativeMemoryKind.CollectorFree) => "pins between garbage, or a burst that has ended",
        nameof(NativeMemoryKind.CompiledCode) => "expressions or assemblies compiled again and again",
        nameof(NativeMemoryKind.HakmemLive) => "blocks that nobody freed: hakmem leaks",
        nameof(NativeMemoryKind.HakmemCached) or nameof(NativeMemoryKind.HakmemDirty) =>
            "a burst that has ended: it is returned with time, or by hakmem trim",
        nameof(NativeMemoryKind.MallocInUse) =>
            "native code's blocks: a native library's cache, or a leak of NativeMemory",
        nameof(NativeMemoryKind.MallocKept) => "malloc's arenas: MALLOC_ARENA_MAX=2, or malloc_trim",
        nameof(NativeMemoryKind.ThreadStacks) => "more threads, or deeper ones",
        nameof(NativeMemoryKind.MappedFiles) => "pages of files: the kernel takes them back, mostly",
        nameof(NativeMemoryKind.OtherAnonymous) => "native code that calls mmap itself: a native profiler",
        _ => "",
    };
}
