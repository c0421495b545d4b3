using System;
using System.Collections.Generic;

namespace Hakmem.Benchmarks.Soak;

/// <summary>Where a soak run stands.</summary>
/// <param name="Elapsed">Since it began.</param>
/// <param name="Steps">Each load's steps so far.</param>
/// <param name="LiveBytes">Bytes live in the shared heap.</param>
/// <param name="CommittedBytes">Bytes the shared heap has committed.</param>
/// <param name="ResidentBytes">Bytes of the process in memory.</param>
/// <param name="OverheadBytes">Of them, at the last check and after a trim, those that were no live block's.</param>
/// <param name="Checks">How often everything stood still and was compared.</param>
/// <param name="Refusals">Calls to the system refused on purpose.</param>
/// <param name="Failures">Requests that failed for it.</param>
internal sealed record SoakSample(
    TimeSpan Elapsed,
    IReadOnlyList<(string Load, long Steps)> Steps,
    long LiveBytes,
    long CommittedBytes,
    long ResidentBytes,
    long OverheadBytes,
    int Checks,
    long Refusals,
    long Failures);
