namespace Hakmem.Tests.Properties;

// What one step of a generated sequence does.
public enum HeapAction
{
    Alloc,
    AllocZeroed,
    AlignedAlloc,
    Realloc,
    Free,
    UsableSize,
    Trim,
}
