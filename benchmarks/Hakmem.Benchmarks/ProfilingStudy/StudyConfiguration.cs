using System.Collections.Generic;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>One setting of the allocator's switches, by the original's environment variables.</summary>
/// <param name="Name">The name in tables and on command lines.</param>
/// <param name="Description">What it sets, in words.</param>
/// <param name="Variables">The environment of its processes.</param>
internal sealed record StudyConfiguration(
    string Name, string Description, IReadOnlyDictionary<string, string> Variables)
{
    private const string Prefault = "HAKMEM_SS_PREFAULT";
    private const string LazyZero = "HAKMEM_SS_LAZY_ZERO";
    private const string HugePages = "HAKMEM_THP";

    /// <summary>
    /// Every switch that a configuration may set; none of them reaches a process that its configuration does not
    /// mention.
    /// </summary>
    public static IReadOnlyList<string> Switches { get; } =
    [
        Prefault, LazyZero, HugePages, "HAKMEM_PREFAULT", "HAKMEM_LAZY_ZERO", "HAKMEM_HUGE_PAGES",
        "HAKMEM_SUPERSLAB_MAX_CACHED", "HAKMEM_SUPERSLAB_MAX_MEMORY_MB", "HAKMEM_SUPERSLAB_TTL_SEC",
    ];

    /// <summary>What the others are compared with: the library's defaults.</summary>
    public static StudyConfiguration Default { get; } =
        new(
            "defaults",
            "huge pages auto, no prefault, lazy zero deferred: nothing set",
            new Dictionary<string, string>());

    /// <summary>
    /// The six of the original study (the defaults are its "auto, no prefault"), then those it did not have.
    /// </summary>
    public static IReadOnlyList<StudyConfiguration> All { get; } =
    [
        Default,
        Of("thp-off", "huge pages off", (HugePages, "off")),
        Of("thp-on", "huge pages on", (HugePages, "on")),
        Of("thp-off+prefault", "huge pages off, MADV_WILLNEED", (HugePages, "off"), (Prefault, "1")),
        Of("prefault", "huge pages auto, MADV_WILLNEED", (Prefault, "1")),
        Of("thp-on+prefault", "huge pages on, MADV_WILLNEED", (HugePages, "on"), (Prefault, "1")),
        Of("populate", "huge pages auto, MADV_POPULATE_WRITE", (Prefault, "populate")),
        Of("thp-on+populate", "huge pages on, MADV_POPULATE_WRITE", (HugePages, "on"), (Prefault, "populate")),
        Of("lazy-zero-on", "empty SuperSlabs discarded at once, as the original did", (LazyZero, "1")),
        Of("lazy-zero-off", "empty SuperSlabs never discarded", (LazyZero, "0")),
    ];

    private static StudyConfiguration Of(
        string name, string description, params (string Variable, string Value)[] variables)
    {
        Dictionary<string, string> environment = [];
        foreach ((string variable, string value) in variables)
        {
            environment.Add(variable, value);
        }

        return new StudyConfiguration(name, description, environment);
    }
}
