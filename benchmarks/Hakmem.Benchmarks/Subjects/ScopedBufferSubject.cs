using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>
/// <see cref="NativeBuffer{T}"/>. It is a ref struct and cannot sit in the table of rentals that the other buffer subjects
/// share, so workloads offer it a shape of its own: nested scopes.
/// </summary>
internal sealed class ScopedBufferSubject : Subject
{
    public ScopedBufferSubject(string name, string description)
        : base(name, SubjectRole.Ours, description)
    {
    }

    public override void Prepare()
    {
    }

    public override WorkloadBody? BodyOf(Workload workload) => workload.ForScopedBuffer();
}
