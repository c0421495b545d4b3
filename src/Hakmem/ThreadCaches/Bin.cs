using System.Runtime.InteropServices;

namespace Hakmem.ThreadCaches;

// One size class in a thread's cache: what the fast paths read and write. Half a cache line, and nothing else in it.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Bin
{
    public const int Bytes = 32;

    // The newest filled slot of the loaded magazine, or its sentinel when it is empty.
    public void** Top;

    // The slot that must not be pushed past. Never before Top.
    public void** End;

    // 2^64 / block size, rounded up: see SizeClassInfo.Reciprocal. Zero in bins that no class has.
    public ulong Reciprocal;

    // The bytes of a span that blocks cover. Zero in bins that no class has, so that no address passes.
    public ulong SpanBlockBytes;
}
