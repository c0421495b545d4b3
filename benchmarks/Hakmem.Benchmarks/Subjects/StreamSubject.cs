using System;
using System.IO;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>A stream in memory: fits the stream workloads only.</summary>
internal sealed class StreamSubject : Subject
{
    private readonly Func<Stream> _create;

    /// <summary>Describes the subject.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="role">What its row is for.</param>
    /// <param name="description">One line on it.</param>
    /// <param name="create">Makes an empty stream.</param>
    public StreamSubject(string name, SubjectRole role, string description, Func<Stream> create)
        : base(name, role, description)
    {
        _create = create;
    }

    public override void Prepare()
    {
    }

    public override WorkloadBody? BodyOf(Workload workload) => workload.ForStream(_create);
}
