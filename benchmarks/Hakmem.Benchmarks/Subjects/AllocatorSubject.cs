using System;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>An allocator of blocks.</summary>
/// <typeparam name="T">The allocator's calls.</typeparam>
internal class AllocatorSubject<T> : Subject
    where T : struct, IAllocatorSubject
{
    private readonly Func<string?>? _howToGet;

    /// <summary>Describes the subject.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="role">What its row is for.</param>
    /// <param name="description">One line on it.</param>
    /// <param name="howToGet">Asked when the subject is about to be used; null for one that is always there.</param>
    public AllocatorSubject(string name, SubjectRole role, string description, Func<string?>? howToGet = null)
        : base(name, role, description)
    {
        _howToGet = howToGet;
    }

    public override string? HowToGet => _howToGet?.Invoke();

    public override void Prepare() => T.Prepare();

    public override WorkloadBody? BodyOf(Workload workload) => workload.ForAllocator<T>();
}
