using System;
using System.Buffers;

namespace Hakmem;

// A buffer with a few bytes behind it that its user does not see. ImageSharp reads there: the last step of its
// conversion of a JPEG's rows loads four bytes at a time. Nothing comes of what it reads, but with a guard page right
// behind the buffer the process would end.
internal sealed class SlackMemoryOwner<T>(IMemoryOwner<T> owner, int length) : IMemoryOwner<T>
{
    // A vector's worth.
    public const int SlackBytes = 16;

    public Memory<T> Memory => owner.Memory[..length];

    public void Dispose() => owner.Dispose();
}
