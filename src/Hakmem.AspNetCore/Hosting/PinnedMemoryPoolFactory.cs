using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace Hakmem.AspNetCore.Hosting;

// The factory that Kestrel creates pools with, one for each I/O queue of each endpoint. They are views of one pool, so
// that all endpoints share its free blocks and its limit. Kestrel disposes them when it stops listening, which ends
// only the view.
internal sealed class PinnedMemoryPoolFactory(PinnedMemoryPool pool) : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => pool.CreateView();
}
