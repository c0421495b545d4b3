using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>Something that can be measured, by name: the bridge from a command line's strings to the generic workload code.</summary>
internal abstract class Subject
{
    protected Subject(string name, SubjectRole role, string description)
    {
        Name = name;
        Role = role;
        Description = description;
    }

    /// <summary>The name in tables, options and results.</summary>
    public string Name { get; }

    /// <summary>What the row is for.</summary>
    public SubjectRole Role { get; }

    /// <summary>One line on what it is.</summary>
    public string Description { get; }

    /// <summary>How to get what is missing on this machine, or null when the subject can run.</summary>
    public virtual string? HowToGet => null;

    /// <summary>The library a measuring process has to be started with, or null.</summary>
    public virtual string? PreloadPath => null;

    /// <summary>Does, in the measuring process and outside the timing, what a finished program has done when it starts.</summary>
    public abstract void Prepare();

    /// <summary>The workload's code compiled for this subject, or null where the two do not fit.</summary>
    public abstract WorkloadBody? BodyOf(Workload workload);
}
