using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>
/// <see cref="MemoryRegion"/>, which frees no block by itself: fits workloads whose blocks end together.
/// </summary>
internal sealed class RegionSubject(string name, string description) : Subject(name, SubjectRole.Ours, description)
{
    public override void Prepare()
    {
    }

    public override WorkloadBody? BodyOf(Workload workload) => workload.ForRegion();
}
