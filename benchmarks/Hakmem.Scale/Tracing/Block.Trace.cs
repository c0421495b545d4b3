using Hakmem.Scale.Counts;

namespace Hakmem.Benchmarks.Workloads;

// The bodies of the workloads' partial methods: both note the cache lines that are written.
internal static unsafe partial class Block
{
    static partial void OnTouching(void* block, nuint byteCount) => Lane.Current.OnTouching((nuint)block, byteCount);
}
