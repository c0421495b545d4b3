using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>Another workload with every call to the allocator kept out of line (see <see cref="OpaqueSubject{T}"/>).</summary>
internal sealed class OpaqueWorkload : Workload
{
    private readonly Workload _inner;

    public OpaqueWorkload(string name, Workload inner)
        : base(name)
    {
        _inner = inner;
    }

    public override WorkloadBody? ForAllocator<T>() => _inner.ForAllocator<OpaqueSubject<T>>();
}
