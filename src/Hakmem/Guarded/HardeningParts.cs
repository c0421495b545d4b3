using System.Runtime.CompilerServices;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Small;

namespace Hakmem.Guarded;

// The objects that a heap's options for hardening and sampling ask for; the heap itself knows nothing else about them.
// All are null in a heap without either.
internal sealed class HardeningParts
{
    private readonly HeapLimits _limits;
    private readonly Arena _arena;

    private HardeningParts(Arena arena, HeapLimits limits)
    {
        _arena = arena;
        _limits = limits;
        Table = HasLiveTable ? BlockClaims.RequireTable(arena) : null;
    }

    // Whether blocks come from random slots of their spans.
    public bool IsPlacedAtRandom => _limits.Hardening == HardeningLevel.Full;

    public bool HasLiveTable => _limits.IsHardened;

    public LiveTable? Table { get; }

    // The quarantine of small blocks. Set by AddQuarantine.
    public PoisonedBlocks? Poisoned { get; private set; }

    private bool IsSampled => !IsPlacedAtRandom && _limits.IsGuardedSampled;

    // A heap with checked hardening alone has guards for the chunks of regions only.
    private bool HasGuards => HasLiveTable || IsSampled;

    // Returns null for a heap without hardening and sampling, so that none of their classes are loaded.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static HardeningParts? TryCreate(Arena arena, HeapLimits limits) =>
        limits.IsHardened || limits.IsGuardedSampled ? Create(arena, limits) : null;

    // Returns size classes with magazines small enough for hardening.
    public SizeClassInfo[] CreateClasses() => IsPlacedAtRandom ? SizeClassInfo.CreateTable(PoisonedBlocks.MaxMagazine)
        : SizeClassInfo.Standard;

    public PoisonedBlocks? AddQuarantine(DepotSet depots, SizeClassInfo[] classes) =>
        Poisoned = IsPlacedAtRandom ? new PoisonedBlocks(_arena, depots, classes, _limits.QuarantineBytes) : null;

    // Creates the kinds of small and guarded blocks, the sampler and the access to the table of live blocks.
    public (SmallKind Small, GuardedKind Guarded, GuardedSampling? Sampling, BlockClaims? Live) CreateKinds(
        HeapParts parts, UnitAllocator units, RunAllocator runs)
    {
        GuardedBlocks? blocks = HasGuards ? CreateGuards(units, runs) : null;
        GuardedKind guarded = new(_arena, parts.Slot, runs, blocks, keepsStacks: IsSampled || _limits.CaptureStacks);
        GuardedSampling? sampling = IsSampled
            ? new GuardedSampling(blocks!, guarded, _limits.GuardedSampleInterval, _limits.GuardedSampleBytes)
            : null;
        BlockClaims? live = Table is null ? null : new BlockClaims(_arena, Table, parts.Registry);
        SmallKind small = Poisoned is null
            ? new SmallKind(parts)
            : new PoisonedKind(parts, Poisoned, live!, _limits.CaptureStacks);
        return (small, guarded, sampling, live);
    }

    private GuardedBlocks CreateGuards(UnitAllocator units, RunAllocator runs)
    {
        if (IsSampled || _limits.CaptureStacks)
        {
            // An exception here leaves nothing half done; one within an allocation would.
            HistoryStacks.Prepare();
        }

        GuardedBlocks blocks = new(_arena, new GuardedRanges(_arena, units, runs), _limits.QuarantineBytes);
        if (_limits.FaultReports && (IsSampled || IsPlacedAtRandom))
        {
            // If the system refuses, faults are not explained, as without hardening.
            _arena.TryReportFaults();
        }

        return blocks;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static HardeningParts Create(Arena arena, HeapLimits limits) => new(arena, limits);
}
