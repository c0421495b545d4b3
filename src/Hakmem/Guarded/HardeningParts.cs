using System.Runtime.CompilerServices;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Small;

namespace Hakmem.Guarded;

// What a heap's options ask of hardening and sampling, and the objects that do it: the heap knows nothing else of them.
// All are null in a heap without.
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

    // Whether blocks come from random places of their spans.
    public bool IsPlacedAtRandom => _limits.Hardening == HardeningLevel.Full;

    public bool HasLiveTable => _limits.Hardening != HardeningLevel.Standard;

    public LiveTable? Table { get; }

    // The quarantine of small blocks. Set by AddQuarantine.
    public PoisonedBlocks? Poisoned { get; private set; }

    private bool HasGuards => IsPlacedAtRandom || _limits.GuardedSampleInterval > 0;

    // Null if nothing is to be hardened or sampled, so that no class of it is loaded.
    public static HardeningParts? TryCreate(Arena arena, HeapLimits limits) =>
        limits.Hardening == HardeningLevel.Standard && limits.GuardedSampleInterval == 0 ? null : Create(arena, limits);

    // The size classes, with magazines that are small enough for what hardening or sampling has to see.
    public SizeClassInfo[] CreateClasses() => IsPlacedAtRandom ? SizeClassInfo.CreateTable(PoisonedBlocks.MaxMagazine)
        : _limits.GuardedSampleInterval > 0 ? SizeClassInfo.CreateTable(_limits.GuardedSampleInterval)
        : SizeClassInfo.Standard;

    public PoisonedBlocks? AddQuarantine(DepotSet depots, SizeClassInfo[] classes) =>
        Poisoned = IsPlacedAtRandom ? new PoisonedBlocks(_arena, depots, classes, _limits.QuarantineBytes) : null;

    // The kinds of the heap's small and guarded blocks, its sampler and its part of the table of live blocks.
    public (SmallKind Small, GuardedKind Guarded, SamplingHook? Hook, BlockClaims? Live) CreateKinds(
        HeapParts parts, UnitAllocator units, RunAllocator runs)
    {
        GuardedBlocks? blocks = HasGuards ? CreateGuards(units, runs) : null;
        bool isSampled = HasGuards && !IsPlacedAtRandom;
        GuardedKind guarded = new(_arena, parts.Slot, runs, blocks, keepsStacks: isSampled || _limits.CaptureStacks);
        SamplingHook? hook = isSampled ? new AllocationSampler(blocks!, guarded, _limits.GuardedSampleInterval) : null;
        BlockClaims? live = Table is null ? null : new BlockClaims(_arena, Table, parts.Registry);
        SmallKind small = Poisoned is null
            ? new SmallKind(parts, hook)
            : new PoisonedKind(parts, Poisoned, live!, _limits.CaptureStacks);
        return (small, guarded, hook, live);
    }

    private GuardedBlocks CreateGuards(UnitAllocator units, RunAllocator runs)
    {
        if (!IsPlacedAtRandom || _limits.CaptureStacks)
        {
            // Here, where an exception leaves nothing behind, rather than between two steps.
            StackCapture.Prepare();
        }

        GuardedBlocks blocks = new(_arena, new GuardedRanges(_arena, units, runs), _limits.QuarantineBytes);
        if (_limits.FaultReports)
        {
            // If that is refused, a fault is not explained, as it would not be without hardening.
            _arena.TryReportFaults();
        }

        return blocks;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static HardeningParts Create(Arena arena, HeapLimits limits) => new(arena, limits);
}
