using System;
using Hakmem.Heaps;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem;

/// <summary>
/// How a heap behaves. For each value: what the initialiser was given wins over the AppContext setting <c>Hakmem.X</c>, which
/// wins over the environment variable named first at the value, which wins over the one named second (the original HAKMEM's name), which
/// wins over the default. Immutable, hence thread-safe.
/// </summary>
/// <exception cref="InvalidOperationException">Reading a value throws it when the AppContext setting or environment variable cannot be understood; the message names it.</exception>
public sealed record HakmemOptions
{
    // Twice this fits the countdown.
    private const int MaxSampleInterval = 1_000_000_000;

    private readonly PrefaultMode? _prefault;
    private readonly LazyZeroMode? _lazyZero;
    private readonly HugePageMode? _hugePages;
    private readonly long? _maxBytes;
    private readonly long? _threadCacheBytes;
    private readonly int? _superSlabCacheCount;
    private readonly long? _superSlabCacheBytes;
    private readonly TimeSpan? _superSlabCacheTtl;
    private readonly TimeSpan? _purgeDelay;
    private readonly HardeningLevel? _hardening;
    private readonly bool? _captureStacks;
    private readonly long? _quarantineBytes;
    private readonly int? _guardedSampleInterval;
    private readonly bool? _faultReports;

    /// <summary>
    /// Whether committed memory is populated at once. <c>HAKMEM_PREFAULT</c>, or <c>HAKMEM_SS_PREFAULT</c> (0, 1 for
    /// <see cref="PrefaultMode.WillNeed"/>, or a name); default <see cref="PrefaultMode.None"/>.
    /// </summary>
    public PrefaultMode Prefault
    {
        get => _prefault ?? HakmemSettings.ReadEnum<PrefaultMode>(nameof(Prefault), "HAKMEM_PREFAULT") ?? OriginalSwitches.Prefault ?? PrefaultMode.None;
        init => _prefault = value;
    }

    /// <summary>
    /// When memory that has become empty is discarded. <c>HAKMEM_LAZY_ZERO</c>, or <c>HAKMEM_SS_LAZY_ZERO</c> (0 for
    /// <see cref="LazyZeroMode.Off"/>, 1 for <see cref="LazyZeroMode.Immediate"/>, or a name); default <see cref="LazyZeroMode.Deferred"/>.
    /// </summary>
    public LazyZeroMode LazyZero
    {
        get => _lazyZero ?? HakmemSettings.ReadEnum<LazyZeroMode>(nameof(LazyZero), "HAKMEM_LAZY_ZERO") ?? OriginalSwitches.LazyZero ?? LazyZeroMode.Deferred;
        init => _lazyZero = value;
    }

    /// <summary>
    /// What the kernel is told about huge pages. <c>HAKMEM_HUGE_PAGES</c>, or <c>HAKMEM_THP</c> (off, auto, on); default
    /// <see cref="HugePageMode.Default"/>.
    /// </summary>
    public HugePageMode HugePages
    {
        get => _hugePages ?? HakmemSettings.ReadEnum<HugePageMode>(nameof(HugePages), "HAKMEM_HUGE_PAGES") ?? OriginalSwitches.HugePages ?? HugePageMode.Default;
        init => _hugePages = value;
    }

    /// <summary>
    /// The hard limit on committed bytes, counted in whole SuperSlabs of 2 MiB: 2 MiB or more, or zero for none.
    /// <c>HAKMEM_MAX_BYTES</c>; default 0.
    /// </summary>
    public long MaxBytes
    {
        get => _maxBytes ?? HakmemSettings.ReadInt64(nameof(MaxBytes), "HAKMEM_MAX_BYTES") ?? 0L;
        init => _maxBytes = value;
    }

    /// <summary>
    /// How many bytes of free blocks one thread's cache may hold, from 0; when there are more than 12 threads, they share twelve times
    /// this, but each has at least 256 KiB. Each size class a thread uses may exceed it by two blocks. <c>HAKMEM_THREAD_CACHE_BYTES</c>; default 10 MiB.
    /// </summary>
    public long ThreadCacheBytes
    {
        get => _threadCacheBytes ?? HakmemSettings.ReadInt64(nameof(ThreadCacheBytes), "HAKMEM_THREAD_CACHE_BYTES") ?? HeapLimits.DefaultThreadCacheBytes;
        init => _threadCacheBytes = value;
    }

    /// <summary>
    /// How many empty SuperSlabs are kept for reuse, from 0. <c>HAKMEM_SUPERSLAB_CACHE_COUNT</c>, or <c>HAKMEM_SUPERSLAB_MAX_CACHED</c>;
    /// default 256.
    /// </summary>
    public int SuperSlabCacheCount
    {
        get => _superSlabCacheCount ?? HakmemSettings.ReadInt32(nameof(SuperSlabCacheCount), "HAKMEM_SUPERSLAB_CACHE_COUNT") ?? OriginalSwitches.MaxCached ?? HeapLimits.DefaultCacheCount;
        init => _superSlabCacheCount = value;
    }

    /// <summary>
    /// How many bytes of empty SuperSlabs are kept for reuse, from 0. <c>HAKMEM_SUPERSLAB_CACHE_BYTES</c>, or
    /// <c>HAKMEM_SUPERSLAB_MAX_MEMORY_MB</c> (units of 1048576 bytes); default 512 MiB.
    /// </summary>
    public long SuperSlabCacheBytes
    {
        get => _superSlabCacheBytes ?? HakmemSettings.ReadInt64(nameof(SuperSlabCacheBytes), "HAKMEM_SUPERSLAB_CACHE_BYTES") ?? OriginalSwitches.MaxMemoryBytes ?? HeapLimits.DefaultCacheBytes;
        init => _superSlabCacheBytes = value;
    }

    /// <summary>
    /// How long an empty SuperSlab is kept for reuse before its address range is given back, from zero.
    /// <c>HAKMEM_SUPERSLAB_CACHE_TTL</c> (milliseconds or <c>hh:mm:ss</c>), or <c>HAKMEM_SUPERSLAB_TTL_SEC</c> (seconds); default 10 s.
    /// </summary>
    public TimeSpan SuperSlabCacheTtl
    {
        get => _superSlabCacheTtl ?? HakmemSettings.ReadTimeSpan(nameof(SuperSlabCacheTtl), "HAKMEM_SUPERSLAB_CACHE_TTL") ?? OriginalSwitches.TimeToLive ?? TimeSpan.FromSeconds(HeapLimits.DefaultCacheTtlSeconds);
        init => _superSlabCacheTtl = value;
    }

    /// <summary>
    /// How long memory stays empty before its pages are discarded, from zero. <c>HAKMEM_PURGE_DELAY</c> (milliseconds or
    /// <c>hh:mm:ss</c>); default 1 s.
    /// </summary>
    public TimeSpan PurgeDelay
    {
        get => _purgeDelay ?? HakmemSettings.ReadTimeSpan(nameof(PurgeDelay), "HAKMEM_PURGE_DELAY") ?? TimeSpan.FromSeconds(HeapLimits.DefaultPurgeDelaySeconds);
        init => _purgeDelay = value;
    }

    /// <summary>How much misuse is caught. <c>HAKMEM_HARDENING</c>; default <see cref="HardeningLevel.Standard"/>.</summary>
    public HardeningLevel Hardening
    {
        get => _hardening ?? HakmemSettings.ReadEnum<HardeningLevel>(nameof(Hardening), "HAKMEM_HARDENING") ?? HardeningLevel.Standard;
        init => _hardening = value;
    }

    /// <summary>
    /// With <see cref="HardeningLevel.Full"/>: whether the call stacks that allocated and freed each block are kept, in bounded memory out of
    /// band, and told with every finding. Slow. <c>HAKMEM_CAPTURE_STACKS</c> (true or false); default false.
    /// </summary>
    public bool CaptureStacks
    {
        get => _captureStacks ?? HakmemSettings.ReadBoolean(nameof(CaptureStacks), "HAKMEM_CAPTURE_STACKS") ?? false;
        init => _captureStacks = value;
    }

    /// <summary>
    /// How much of what was freed is kept from being handed out again, oldest first out, from 0: with <see cref="HardeningLevel.Full"/> so many
    /// bytes of blocks up to 1 KiB, and with it or <see cref="GuardedSampleInterval"/> so many bytes of addresses of guarded blocks.
    /// <c>HAKMEM_QUARANTINE_BYTES</c>; default 16 MiB.
    /// </summary>
    public long QuarantineBytes
    {
        get => _quarantineBytes ?? HakmemSettings.ReadInt64(nameof(QuarantineBytes), "HAKMEM_QUARANTINE_BYTES") ?? HeapLimits.DefaultQuarantineBytes;
        init => _quarantineBytes = value;
    }

    /// <summary>
    /// Guarded sampling: one in about this many allocations up to 256 KiB is put against a guard page with its call stacks kept, so that an overflow
    /// or a use after free there is reported with who allocated and who freed it. From 1, or zero for none; up to 1 000 000 000. Not used
    /// with <see cref="HardeningLevel.Full"/>, which guards all. <c>HAKMEM_GUARDED_SAMPLE_INTERVAL</c>; default 0.
    /// </summary>
    public int GuardedSampleInterval
    {
        get => _guardedSampleInterval ?? HakmemSettings.ReadInt32(nameof(GuardedSampleInterval), "HAKMEM_GUARDED_SAMPLE_INTERVAL") ?? 0;
        init => _guardedSampleInterval = value;
    }

    /// <summary>
    /// Whether a fault at a guarded block is told on standard error before the runtime ends the process: a handler in front of the runtime's own,
    /// installed when a heap with guarded blocks is made. <c>HAKMEM_FAULT_REPORTS</c> (true or false); default true.
    /// </summary>
    public bool FaultReports
    {
        get => _faultReports ?? HakmemSettings.ReadBoolean(nameof(FaultReports), "HAKMEM_FAULT_REPORTS") ?? HeapLimits.DefaultFaultReports;
        init => _faultReports = value;
    }

    // Resolves every value once. Throws ArgumentOutOfRangeException for one that is out of its range.
    internal HeapLimits ToLimits(TimeProvider? time = null)
    {
        RequireKnown(Prefault is >= PrefaultMode.None and <= PrefaultMode.Touch, nameof(Prefault));
        RequireKnown(LazyZero is >= LazyZeroMode.Deferred and <= LazyZeroMode.Off, nameof(LazyZero));
        RequireKnown(HugePages is >= HugePageMode.Default and <= HugePageMode.Always, nameof(HugePages));
        RequireKnown(Hardening is >= HardeningLevel.Standard and <= HardeningLevel.Checked, nameof(Hardening));
        RequireAtLeast(0, QuarantineBytes, nameof(QuarantineBytes));
        RequireAtLeast(0, GuardedSampleInterval, nameof(GuardedSampleInterval));
        RequireAtMost(MaxSampleInterval, GuardedSampleInterval, nameof(GuardedSampleInterval));
        RequireAtLeast(0, ThreadCacheBytes, nameof(ThreadCacheBytes));
        RequireAtLeast(0, SuperSlabCacheCount, nameof(SuperSlabCacheCount));
        RequireAtLeast(0, SuperSlabCacheBytes, nameof(SuperSlabCacheBytes));
        RequireAtLeast(0, SuperSlabCacheTtl.Ticks, nameof(SuperSlabCacheTtl));
        RequireAtLeast(0, PurgeDelay.Ticks, nameof(PurgeDelay));
        if (MaxBytes != 0)
        {
            RequireAtLeast(Geometry.SlabBytes, MaxBytes, nameof(MaxBytes));
        }

        return new HeapLimits(this, time);
    }

    private static void RequireKnown(bool isKnown, string name)
    {
        if (!isKnown)
        {
            throw new ArgumentOutOfRangeException(name, $"HakmemOptions.{name} is not one of the values of its enumeration.");
        }
    }

    private static void RequireAtMost(long most, long value, string name)
    {
        if (value > most)
        {
            throw new ArgumentOutOfRangeException(name, value, $"HakmemOptions.{name} must be at most {most}.");
        }
    }

    private static void RequireAtLeast(long least, long value, string name)
    {
        if (value < least)
        {
            throw new ArgumentOutOfRangeException(name, value, $"HakmemOptions.{name} must be at least {least}.");
        }
    }
}
