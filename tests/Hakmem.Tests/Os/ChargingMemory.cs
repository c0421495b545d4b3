using System;
using Hakmem.Os;

namespace Hakmem.Tests.Os;

// This system's memory with the features of Windows: readable zeros are charged, a discard decommits, a reset leaves what was there, and
// pages neither move nor come in advance. It lets every test of those features run on Linux.
//
// With HAKMEM_TEST_CHARGING=1 in the environment all memory of a test run comes through one.
internal sealed unsafe class ChargingMemory(OsMemory real) : WrappedMemory(real)
{
    public const string Variable = "HAKMEM_TEST_CHARGING";

    // What a machine with 8 GiB of memory and page file has.
    private const long ArenaBytes = 8L << 30;

    public override OsFeatures Features => OsFeatures.None;

    public override bool MovesPages => false;

    public override long MaxArenaBytes => Math.Min(ArenaBytes, Real.MaxArenaBytes);

    // Over the system's own memory.
    public static OsMemory Create() => new ChargingMemory(BigPages.OverIfAsked(CreateForCurrentSystem()));

    public static OsMemory OverIfAsked(OsMemory real) =>
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } ? new ChargingMemory(real) : real;

    public override bool TryDiscard(byte* address, nuint bytes) => Real.TryDecommit(address, bytes);

    public override bool TryReset(byte* address, nuint bytes) => true;

    public override bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode) =>
        mode != PrefaultMode.WillNeed && Real.TryPrefault(address, bytes, mode == PrefaultMode.Populate ? PrefaultMode.Touch : mode);

    public override bool TryPopulate(byte* address, nuint bytes) => false;

    public override bool TryAdviseHugePages(byte* address, nuint bytes, bool enable) => false;

    public override bool TryMove(byte* source, byte* target, nuint bytes) =>
        throw new InvalidOperationException("Pages cannot be moved here, which is to be asked beforehand.");

    public override bool TryReportFaults(FaultMap map) => false;
}
