namespace Hakmem.Benchmarks.Subjects;

/// <summary>What a subject's row is for.</summary>
internal enum SubjectRole
{
    /// <summary>Hakmem, in one of its forms.</summary>
    Ours,

    /// <summary>Something to be compared with.</summary>
    Peer,

    /// <summary>The empty loop.</summary>
    Baseline,
}
