using System;
using System.Buffers;
using System.Diagnostics;

namespace Hakmem;

// A block that NativeBufferWriter<T>.Detach handed on, and the memory of its written elements. The block orders
// disposals on several threads, and frees once; while there are pins it waits for the last.
[DebuggerDisplay("Length = {_memory.Length}")]
internal sealed class DetachedMemoryOwner<T>(NativeBlock block, Memory<T> memory) : IMemoryOwner<T>
    where T : unmanaged
{
    private readonly Memory<T> _memory = memory;

    // The memory itself throws once the block is freed; so does this.
    public Memory<T> Memory
    {
        get
        {
            block.RequireAlive();
            return _memory;
        }
    }

    public void Dispose() => block.Free();
}
