using Hakmem.Scale.Counts;

namespace Hakmem.Benchmarks.Workloads;

internal static unsafe partial class CheckedBlock
{
    static partial void OnFilling(void* block, nuint byteCount) => Lane.Current.OnFilling((nuint)block, byteCount);
}
