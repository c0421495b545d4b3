using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace Hakmem.AspNetCore.Hosting;

// What Kestrel asks for pools: once for each I/O queue of each endpoint. They are views of one pool, so that all endpoints share what is
// free and one limit holds for the service; and as Kestrel disposes them when it stops listening, each disposal ends that view only.
internal sealed class PinnedMemoryPoolFactory(PinnedMemoryPool pool) : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => pool.CreateView();
}
