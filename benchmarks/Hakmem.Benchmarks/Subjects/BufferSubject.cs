using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>A pool of buffers: fits the buffer workloads only.</summary>
/// <typeparam name="T">The rental.</typeparam>
internal sealed class BufferSubject<T> : Subject
    where T : struct, IBufferSubject<T>
{
    public BufferSubject(string name, SubjectRole role, string description)
        : base(name, role, description)
    {
    }

    public override void Prepare() => T.Prepare();

    public override WorkloadBody? BodyOf(Workload workload) => workload.ForBuffer<T>();
}
