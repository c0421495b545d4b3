namespace Hakmem.AspNetCore.Hosting;

// What AddHakmem settled: whether the registered heap is an isolated one. Null where only Kestrel's pool is used.
//
// It is settled at registration because a container disposes whatever its factories make, and the shared heap must not be disposed: that
// one is registered as an instance, which a container leaves alone, and only an isolated one by a factory.
internal sealed class HakmemHeapChoice
{
    // Written while services are registered, by one thread; read once the container is built.
    public bool? IsIsolated { get; set; }
}
