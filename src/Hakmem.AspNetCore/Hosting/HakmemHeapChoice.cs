using System.Collections.Generic;
using Microsoft.Extensions.Configuration;

namespace Hakmem.AspNetCore.Hosting;

// What the extensions' calls have settled together: one for each collection of services. Written while services are registered, by one
// thread; read once the container is built.
//
// Which heap it is, is settled at registration because a container disposes whatever its factories make, and the shared heap must not be
// disposed: that one is registered as an instance, which a container leaves alone, and only an isolated one by a factory.
internal sealed class HakmemHeapChoice
{
    // Whether the registered heap is an isolated one. Null where only Kestrel's pool is used.
    public bool? IsIsolated { get; set; }

    // Whether the service had registered an allocator before AddHakmem was called, which therefore registered none. (One that is registered
    // afterwards replaces AddHakmem's HakmemAllocator on purpose, as tests of a service do, though not the interface.)
    public bool UsesExistingAllocator { get; set; }

    // The configurations that the calls brought, in their order, each once. All are read before any code changes the options.
    public List<IConfiguration> Configurations { get; } = [];
}
