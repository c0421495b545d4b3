using System;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>A way to wait for a buffer: fits workloads at a limit.</summary>
internal sealed class QueueSubject(string name, SubjectRole role, string description, Func<IBufferQueue> create)
    : Subject(name, role, description)
{
    public override void Prepare()
    {
    }

    public override WorkloadBody? BodyOf(Workload workload) => workload.ForQueue(create);
}
