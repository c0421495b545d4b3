using System.Collections.Generic;
using Microsoft.Extensions.Configuration;

namespace Hakmem.AspNetCore.Hosting;

// The state that the calls of AddHakmem and UseHakmemForKestrel share, one object for each collection of services. One
// thread writes it while services are registered; it is read once the container is built.
//
// The choice of the heap is made at registration, because a container disposes all objects that its factories create,
// and the shared heap must not be disposed. So the shared heap is registered as an instance, which a container does not
// dispose, and only an isolated heap by a factory.
internal sealed class HakmemHeapChoice
{
    // Whether the registered heap is isolated. Null if only Kestrel's pool is used.
    public bool? IsIsolated { get; set; }

    // Whether the service registered an allocator before it called AddHakmem, which then registers none. An allocator
    // that is registered afterwards replaces the HakmemAllocator of AddHakmem, as tests of a service do, but not its
    // IHakmemAllocator.
    public bool UsesExistingAllocator { get; set; }

    // Whether the registered heap is known to be the shared one.
    public bool UsesSharedHeap { get; set; }

    // The configurations of the calls in their order, without duplicates. All are read before any code changes the
    // options.
    public List<IConfiguration> Configurations { get; } = [];
}
