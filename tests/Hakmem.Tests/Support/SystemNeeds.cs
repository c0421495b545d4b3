using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Os;
using Hakmem.Profiling;
using Hakmem.Records;
using Hakmem.Tests.Os;

namespace Hakmem.Tests.Support;

// What this system has of what tests may need.
internal static class SystemNeeds
{
    public const string NoPages = "The emulator does not say which of the program's pages are there.";

    // Those of the memory that the tests' own arenas come from.
    private static readonly OsMemory s_memory = BigPages.OverIfAsked(OsMemory.CreateForCurrentSystem());
    private static readonly OsFeatures s_features = s_memory.Features;

    public static bool MovesPages { get; } = s_memory.MovesPages;

    // Whether the memory that the tests' own arenas come from has a feature.
    public static bool Has(OsFeatures feature) => (s_features & feature) == feature;

    // Why tests with these traits cannot run here; null if they can.
    public static string? ReasonToSkip(IEnumerable<string> needs) =>
        needs.Select(text => ReasonToSkip(Enum.Parse<SystemNeed>(text, ignoreCase: true))).FirstOrDefault(reason => reason is not null);

    public static string? ReasonToSkip(SystemNeed need) => need switch
    {
        SystemNeed.Linux => OperatingSystem.IsLinux() ? null : "It tests what only Linux does.",
        SystemNeed.Windows => OperatingSystem.IsWindows() ? null : "It tests what only Windows does.",
        SystemNeed.Pages => Emulator.IsInUse ? NoPages
            : OperatingSystem.IsLinux() || OperatingSystem.IsWindows() ? null : "The tests do not know how to ask this system about pages.",
        SystemNeed.Proc => Emulator.IsInUse ? "Below /proc are the emulator's figures, not the program's."
            : OperatingSystem.IsLinux() ? null : "This system has no /proc.",
        SystemNeed.Shell => Emulator.IsInUse ? "A limit of the address space would be the emulator's."
            : OperatingSystem.IsWindows() ? "This system has no shell that limits a process's address space."
            : OperatingSystem.IsMacOS() ? "This system refuses limits below the hundreds of GiB that each process has."
            : null,
        SystemNeed.SmallPages => s_memory.PageSize < Geometry.UnitBytes ? null : "A page is as large as a unit.",
        SystemNeed.MovesPages => MovesPages ? null : "Pages are not moved here.",
        SystemNeed.StackHashes => StackHash.IsSupported ? null : "There are no hashes of call stacks here.",
        _ => Has(Enum.Parse<OsFeatures>(need.ToString())) ? null : $"The memory layer lacks OsFeatures.{need}.",
    };
}
