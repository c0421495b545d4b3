namespace Hakmem.Tests.Os;

// The kinds of call that the allocator makes to the operating system.
public enum OsCall
{
    Reserve,
    Release,
    MakeReadable,
    Commit,
    Decommit,
    Protect,
    Unprotect,
    Discard,
    Prefault,
    AdviseHugePages,
    Move,
}
