namespace Hakmem.Benchmarks.Subjects;

/// <summary>What a subject's row is for.</summary>
internal enum SubjectRole
{
    /// <summary>Hakmem, in one of its forms.</summary>
    Ours,

    /// <summary>Hakmem under settings that are not the default: only where it is named.</summary>
    Variant,

    /// <summary>Something to be compared with.</summary>
    Peer,

    /// <summary>The empty loop.</summary>
    Baseline,
}
