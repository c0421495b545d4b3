namespace Hakmem.Tests.Properties;

// What one step of a generated sequence does.
public enum HeapAction
{
    Alloc,
    AllocZeroed,
    AlignedAlloc,
    AllocAtLeast,
    Realloc,
    AlignedRealloc,
    TryRealloc,
    TryExpand,
    Free,
    SizedFree,
    FreeWithALie,
    UsableSize,
    Trim,
}
