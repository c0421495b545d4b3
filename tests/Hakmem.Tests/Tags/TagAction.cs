namespace Hakmem.Tests.Tags;

// What one step of a generated sequence on tags does.
public enum TagAction
{
    Alloc,
    AllocAligned,
    Free,
    Resize,
    Expand,
    Replace,
    Trim,
}
