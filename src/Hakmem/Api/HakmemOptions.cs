using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Api;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Records;

namespace Hakmem;

// An option is declared in this file and nowhere else in the library: as a property of HakmemOptions, which programs
// set; as a HakmemSetting of HakmemSettings, which says where else its value comes from, what it may be and what
// docs/operations.md says of it; and as a value of HeapLimits, which the heap uses and which has its default.
// CONTRIBUTING.md ("One more heap option") lists what else a new one needs.

/// <summary>
/// How a heap behaves. For each value: what the initialiser was given wins over the AppContext setting <c>Hakmem.X</c>,
/// which wins over the environment variable named first at the value, which wins over the one named second (the
/// original HAKMEM's name), which wins over the default. Immutable, hence thread-safe.
/// </summary>
/// <exception cref="InvalidOperationException">Reading a value throws it when the AppContext setting or environment
/// variable cannot be understood; the message names it.</exception>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
public sealed record HakmemOptions
{
    private readonly PrefaultMode? _prefault;
    private readonly LazyZeroMode? _lazyZero;
    private readonly HugePageMode? _hugePages;
    private readonly long? _maxBytes;
    private readonly long? _softLimitBytes;
    private readonly long? _threadCacheBytes;
    private readonly int? _superSlabCacheCount;
    private readonly long? _superSlabCacheBytes;
    private readonly TimeSpan? _superSlabCacheTtl;
    private readonly TimeSpan? _purgeDelay;
    private readonly HardeningLevel? _hardening;
    private readonly bool? _captureStacks;
    private readonly long? _quarantineBytes;
    private readonly int? _guardedSampleInterval;
    private readonly long? _guardedSampleBytes;
    private readonly bool? _faultReports;

    /// <summary>
    /// Whether committed memory is populated at once. <c>HAKMEM_PREFAULT</c>, or <c>HAKMEM_SS_PREFAULT</c> (0, 1 for
    /// <see cref="PrefaultMode.WillNeed"/>, or a name); default <see cref="PrefaultMode.None"/>.
    /// </summary>
    public PrefaultMode Prefault
    {
        get => _prefault ?? (PrefaultMode)HakmemSettings.Prefault.Read();
        init => _prefault = value;
    }

    /// <summary>
    /// When memory that has become empty is discarded. <c>HAKMEM_LAZY_ZERO</c>, or <c>HAKMEM_SS_LAZY_ZERO</c> (0 for
    /// <see cref="LazyZeroMode.Off"/>, 1 for <see cref="LazyZeroMode.Immediate"/>, or a name); default
    /// <see cref="LazyZeroMode.Deferred"/>.
    /// </summary>
    public LazyZeroMode LazyZero
    {
        get => _lazyZero ?? (LazyZeroMode)HakmemSettings.LazyZero.Read();
        init => _lazyZero = value;
    }

    /// <summary>
    /// What the kernel is told about huge pages. <c>HAKMEM_HUGE_PAGES</c>, or <c>HAKMEM_THP</c> (off, auto, on);
    /// default <see cref="HugePageMode.Default"/>.
    /// </summary>
    public HugePageMode HugePages
    {
        get => _hugePages ?? (HugePageMode)HakmemSettings.HugePages.Read();
        init => _hugePages = value;
    }

    /// <summary>
    /// The hard limit on committed bytes, counted in whole SuperSlabs of 2 MiB: 2 MiB or more, or zero for none.
    /// <c>HAKMEM_MAX_BYTES</c>; default 0.
    /// </summary>
    public long MaxBytes
    {
        get => _maxBytes ?? HakmemSettings.MaxBytes.Read();
        init => _maxBytes = value;
    }

    /// <summary>
    /// The soft limit on the same bytes, up to <see cref="MaxBytes"/>; zero for none. Above it unused memory is
    /// returned at once, and <see cref="HakmemAllocator.SoftLimitExceeded"/> is raised.
    /// <c>HAKMEM_SOFT_LIMIT_BYTES</c>; default 0.
    /// </summary>
    public long SoftLimitBytes
    {
        get => _softLimitBytes ?? HakmemSettings.SoftLimitBytes.Read();
        init => _softLimitBytes = value;
    }

    /// <summary>
    /// How many bytes of free blocks one thread's cache may hold, from 0; when there are more than 8 threads, they
    /// share eight times this, but each has at least 256 KiB. Each size class a thread uses may exceed it by two
    /// blocks. <c>HAKMEM_THREAD_CACHE_BYTES</c>; default 16 MiB.
    /// </summary>
    public long ThreadCacheBytes
    {
        get => _threadCacheBytes ?? HakmemSettings.ThreadCacheBytes.Read();
        init => _threadCacheBytes = value;
    }

    /// <summary>
    /// How many empty SuperSlabs are kept for reuse, from 0. <c>HAKMEM_SUPERSLAB_CACHE_COUNT</c>, or
    /// <c>HAKMEM_SUPERSLAB_MAX_CACHED</c>; default 256.
    /// </summary>
    public int SuperSlabCacheCount
    {
        get => _superSlabCacheCount ?? (int)HakmemSettings.SuperSlabCacheCount.Read();
        init => _superSlabCacheCount = value;
    }

    /// <summary>
    /// How many bytes of empty SuperSlabs are kept for reuse, from 0. <c>HAKMEM_SUPERSLAB_CACHE_BYTES</c>, or
    /// <c>HAKMEM_SUPERSLAB_MAX_MEMORY_MB</c> (units of 1048576 bytes); default 512 MiB.
    /// </summary>
    public long SuperSlabCacheBytes
    {
        get => _superSlabCacheBytes ?? HakmemSettings.SuperSlabCacheBytes.Read();
        init => _superSlabCacheBytes = value;
    }

    /// <summary>
    /// How long an empty SuperSlab is kept for reuse before its address range is given back, from zero.
    /// <c>HAKMEM_SUPERSLAB_CACHE_TTL</c> (milliseconds or <c>hh:mm:ss</c>), or <c>HAKMEM_SUPERSLAB_TTL_SEC</c>
    /// (seconds); default 10 s.
    /// </summary>
    public TimeSpan SuperSlabCacheTtl
    {
        get => _superSlabCacheTtl ?? TimeSpan.FromTicks(HakmemSettings.SuperSlabCacheTtl.Read());
        init => _superSlabCacheTtl = value;
    }

    /// <summary>
    /// How long memory stays empty before its pages are discarded, from zero. <c>HAKMEM_PURGE_DELAY</c> (milliseconds
    /// or <c>hh:mm:ss</c>); default 1 s.
    /// </summary>
    public TimeSpan PurgeDelay
    {
        get => _purgeDelay ?? TimeSpan.FromTicks(HakmemSettings.PurgeDelay.Read());
        init => _purgeDelay = value;
    }

    /// <summary>How much misuse is caught. <c>HAKMEM_HARDENING</c>; default
    /// <see cref="HardeningLevel.Standard"/>.</summary>
    public HardeningLevel Hardening
    {
        get => _hardening ?? (HardeningLevel)HakmemSettings.Hardening.Read();
        init => _hardening = value;
    }

    /// <summary>
    /// With <see cref="HardeningLevel.Full"/>: whether the call stacks that allocated and freed each block are kept, in
    /// bounded memory out of band, and told with every finding. Slow. <c>HAKMEM_CAPTURE_STACKS</c> (true or false);
    /// default false.
    /// </summary>
    public bool CaptureStacks
    {
        get => _captureStacks ?? HakmemSettings.CaptureStacks.Read() != 0;
        init => _captureStacks = value;
    }

    /// <summary>
    /// How much of what was freed is kept from being handed out again, oldest first out, from 0: with
    /// <see cref="HardeningLevel.Full"/> so many bytes of blocks up to 1 KiB, and with it,
    /// <see cref="GuardedSampleInterval"/> or <see cref="GuardedSampleBytes"/> so many bytes of addresses of guarded
    /// blocks.
    /// <c>HAKMEM_QUARANTINE_BYTES</c>; default 16 MiB.
    /// </summary>
    public long QuarantineBytes
    {
        get => _quarantineBytes ?? HakmemSettings.QuarantineBytes.Read();
        init => _quarantineBytes = value;
    }

    /// <summary>
    /// Guarded sampling: one in about this many allocations up to 256 KiB is put against a guard page with its call
    /// stacks kept, so that an overflow or a use after free there is reported with who allocated and who freed it. From
    /// 1, or zero for none; up to 1 000 000 000. Not used with <see cref="HardeningLevel.Full"/>, which guards all.
    /// <c>HAKMEM_GUARDED_SAMPLE_INTERVAL</c>; default 0.
    /// </summary>
    public int GuardedSampleInterval
    {
        get => _guardedSampleInterval ?? (int)HakmemSettings.GuardedSampleInterval.Read();
        init => _guardedSampleInterval = value;
    }

    /// <summary>
    /// Guarded sampling by bytes, as a <see cref="HakmemProfiler"/> samples: a block of s bytes, up to 256 KiB, is put
    /// against a guard page with the probability 1 - exp(-s / this), so that large blocks, of which there are few, are
    /// seen as well. From 1, or zero for none; up to 2^40. In addition to <see cref="GuardedSampleInterval"/>, and not
    /// used with <see cref="HardeningLevel.Full"/>, which guards all. <c>HAKMEM_GUARDED_SAMPLE_BYTES</c>; default 0.
    /// </summary>
    public long GuardedSampleBytes
    {
        get => _guardedSampleBytes ?? HakmemSettings.GuardedSampleBytes.Read();
        init => _guardedSampleBytes = value;
    }

    /// <summary>
    /// Whether a fault at a guarded block is told on standard error before the runtime ends the process: a handler in
    /// front of the runtime's own, installed when a heap with guarded blocks is made. <c>HAKMEM_FAULT_REPORTS</c> (true
    /// or false); default true.
    /// </summary>
    public bool FaultReports
    {
        get => _faultReports ?? HakmemSettings.FaultReports.Read() != 0;
        init => _faultReports = value;
    }

    private string DebuggerDisplay
    {
        get
        {
            try
            {
                return ToString();
            }
            catch (InvalidOperationException notUnderstood)
            {
                return notUnderstood.Message;
            }
        }
    }

    // Reads each value once and checks it. Throws ArgumentOutOfRangeException for a value out of its range. The time is
    // given by tests that make their own; null is the system's.
    internal HeapLimits ToLimits(TimeProvider? time = null) => new HeapLimits
    {
        Time = time,
        Prefault = (PrefaultMode)HakmemSettings.Prefault.Check((long)Prefault),
        LazyZero = (LazyZeroMode)HakmemSettings.LazyZero.Check((long)LazyZero),
        HugePages = (HugePageMode)HakmemSettings.HugePages.Check((long)HugePages),
        Hardening = (HardeningLevel)HakmemSettings.Hardening.Check((long)Hardening),
        CaptureStacks = CaptureStacks,
        QuarantineBytes = HakmemSettings.QuarantineBytes.Check(QuarantineBytes),
        GuardedSampleInterval = (int)HakmemSettings.GuardedSampleInterval.Check(GuardedSampleInterval),
        GuardedSampleBytes = HakmemSettings.GuardedSampleBytes.Check(GuardedSampleBytes),
        FaultReports = FaultReports,
        MaxBytes = HakmemSettings.MaxBytes.Check(MaxBytes),
        SoftLimitBytes = HakmemSettings.SoftLimitBytes.Check(SoftLimitBytes),
        ThreadCacheBytes = HakmemSettings.ThreadCacheBytes.Check(ThreadCacheBytes),
        SuperSlabCacheCount = (int)HakmemSettings.SuperSlabCacheCount.Check(SuperSlabCacheCount),
        SuperSlabCacheBytes = HakmemSettings.SuperSlabCacheBytes.Check(SuperSlabCacheBytes),
        CacheTtlMs = HakmemSettings.SuperSlabCacheTtl.Check(SuperSlabCacheTtl.Ticks) / TimeSpan.TicksPerMillisecond,
        PurgeDelayMs = HakmemSettings.PurgeDelay.Check(PurgeDelay.Ticks) / TimeSpan.TicksPerMillisecond,
    }.RequireOrder();
}

// All settings: those of HakmemOptions and the one of the process, in the order of docs/operations.md.
//
// A process's first allocation does not create them where nothing is set, which is nearly always: AreAny asks for two
// lists of names, and new HeapLimits() has the defaults. A test compares the lists with the declarations.
internal static class HakmemSettings
{
    private const string Names =
        "MaxBytes SoftLimitBytes ThreadCacheBytes SuperSlabCacheCount SuperSlabCacheBytes SuperSlabCacheTtl LazyZero " +
        "PurgeDelay HugePages Prefault Hardening CaptureStacks QuarantineBytes GuardedSampleInterval " +
        "GuardedSampleBytes FaultReports ContainerLimitPercent ForceFallback RequireSupported";

    private const string Variables =
        "MAX_BYTES SOFT_LIMIT_BYTES THREAD_CACHE_BYTES SUPERSLAB_CACHE_COUNT SUPERSLAB_CACHE_BYTES " +
        "SUPERSLAB_CACHE_TTL LAZY_ZERO PURGE_DELAY HUGE_PAGES PREFAULT HARDENING CAPTURE_STACKS QUARANTINE_BYTES " +
        "GUARDED_SAMPLE_INTERVAL GUARDED_SAMPLE_BYTES FAULT_REPORTS CONTAINER_LIMIT_PERCENT FORCE_FALLBACK " +
        "REQUIRE_SUPPORTED SUPERSLAB_MAX_CACHED SUPERSLAB_MAX_MEMORY_MB SUPERSLAB_TTL_SEC SS_LAZY_ZERO THP SS_PREFAULT";

    private const int MaxSampleInterval = 1_000_000_000;

    private static readonly HeapLimits s_defaults = new();

    public static readonly HakmemSetting MaxBytes =
        new(nameof(MaxBytes), "HAKMEM_MAX_BYTES", typeof(long), s_defaults.MaxBytes)
        {
            Meaning = "hard limit on the heap's committed bytes",
            Least = Geometry.SlabBytes,
            ZeroMeans = "none",
        };

    public static readonly HakmemSetting SoftLimitBytes =
        new(nameof(SoftLimitBytes), "HAKMEM_SOFT_LIMIT_BYTES", typeof(long), s_defaults.SoftLimitBytes)
        {
            Meaning = "committed bytes above which unused memory returns at once",
            ZeroMeans = "none",
        };

    public static readonly HakmemSetting ThreadCacheBytes =
        new(nameof(ThreadCacheBytes), "HAKMEM_THREAD_CACHE_BYTES", typeof(long), s_defaults.ThreadCacheBytes)
        {
            Meaning = "free blocks that a thread keeps",
        };

    public static readonly HakmemSetting SuperSlabCacheCount =
        new(nameof(SuperSlabCacheCount), "HAKMEM_SUPERSLAB_CACHE_COUNT", typeof(int), s_defaults.SuperSlabCacheCount)
        {
            Meaning = "empty SuperSlabs kept for reuse",
            Original = new("HAKMEM_SUPERSLAB_MAX_CACHED", int.MaxValue),
        };

    public static readonly HakmemSetting SuperSlabCacheBytes =
        new(nameof(SuperSlabCacheBytes), "HAKMEM_SUPERSLAB_CACHE_BYTES", typeof(long), s_defaults.SuperSlabCacheBytes)
        {
            Meaning = "the same in bytes; the lower limit applies",
            Original = new("HAKMEM_SUPERSLAB_MAX_MEMORY_MB", long.MaxValue >> 20, unit: 1 << 20),
        };

    public static readonly HakmemSetting SuperSlabCacheTtl =
        new(nameof(SuperSlabCacheTtl), "HAKMEM_SUPERSLAB_CACHE_TTL", typeof(TimeSpan), Ticks(s_defaults.CacheTtlMs))
        {
            Meaning = "how long an empty SuperSlab stays committed",
            Original = new("HAKMEM_SUPERSLAB_TTL_SEC", int.MaxValue, unit: TimeSpan.TicksPerSecond),
        };

    public static readonly HakmemSetting LazyZero =
        new(nameof(LazyZero), "HAKMEM_LAZY_ZERO", typeof(LazyZeroMode), (long)s_defaults.LazyZero)
        {
            Meaning = "when empty memory is purged",
            Original = new("HAKMEM_SS_LAZY_ZERO", ("0", (long)LazyZeroMode.Off), ("1", (long)LazyZeroMode.Immediate)),
        };

    public static readonly HakmemSetting PurgeDelay =
        new(nameof(PurgeDelay), "HAKMEM_PURGE_DELAY", typeof(TimeSpan), Ticks(s_defaults.PurgeDelayMs))
        {
            Meaning = "how long memory stays empty before it is purged",
        };

    public static readonly HakmemSetting HugePages =
        new(nameof(HugePages), "HAKMEM_HUGE_PAGES", typeof(HugePageMode), (long)s_defaults.HugePages)
        {
            Meaning = "whether to ask for 2 MiB pages",
            Original = new(
                "HAKMEM_THP",
                ("off", (long)HugePageMode.Never), ("auto", (long)HugePageMode.Default),
                ("on", (long)HugePageMode.Always)),
        };

    public static readonly HakmemSetting Prefault =
        new(nameof(Prefault), "HAKMEM_PREFAULT", typeof(PrefaultMode), (long)s_defaults.Prefault)
        {
            Meaning = "whether committed memory is populated at once",
            Original = new("HAKMEM_SS_PREFAULT", ("0", (long)PrefaultMode.None), ("1", (long)PrefaultMode.WillNeed)),
        };

    public static readonly HakmemSetting Hardening =
        new(nameof(Hardening), "HAKMEM_HARDENING", typeof(HardeningLevel), (long)s_defaults.Hardening)
        {
            Meaning = "how much misuse is detected",
        };

    public static readonly HakmemSetting CaptureStacks =
        new(nameof(CaptureStacks), "HAKMEM_CAPTURE_STACKS", typeof(bool), s_defaults.CaptureStacks ? 1 : 0)
        {
            Meaning = "with `Full`: record who allocated and freed",
        };

    public static readonly HakmemSetting QuarantineBytes =
        new(nameof(QuarantineBytes), "HAKMEM_QUARANTINE_BYTES", typeof(long), s_defaults.QuarantineBytes)
        {
            Meaning = "freed bytes kept from reuse",
        };

    public static readonly HakmemSetting GuardedSampleInterval =
        new(
            nameof(GuardedSampleInterval), "HAKMEM_GUARDED_SAMPLE_INTERVAL", typeof(int),
            s_defaults.GuardedSampleInterval)
        {
            Meaning = "allocations per guarded one",
            Most = MaxSampleInterval,
            ZeroMeans = "none",
        };

    public static readonly HakmemSetting GuardedSampleBytes =
        new(
            nameof(GuardedSampleBytes), "HAKMEM_GUARDED_SAMPLE_BYTES", typeof(long), s_defaults.GuardedSampleBytes)
        {
            Meaning = "mean number of bytes per guarded allocation",
            Most = HeapSampler.MaxMeanBytes,
            ZeroMeans = "none",
        };

    public static readonly HakmemSetting FaultReports =
        new(nameof(FaultReports), "HAKMEM_FAULT_REPORTS", typeof(bool), s_defaults.FaultReports ? 1 : 0)
        {
            Meaning = "whether faults at guard pages are reported",
        };

    // The settings from here on are not a heap's: no option sets them.
    public static readonly HakmemSetting ContainerLimitPercent =
        new(nameof(ContainerLimitPercent), "HAKMEM_CONTAINER_LIMIT_PERCENT", typeof(int), MemoryLimit.DefaultPercent)
        {
            Meaning = "part of the container's limit that all heaps may commit",
            Most = 100,
            ZeroMeans = "ignore",
        };

    public static readonly HakmemSetting ForceFallback =
        new(nameof(ForceFallback), "HAKMEM_FORCE_FALLBACK", typeof(bool), 0)
        {
            Meaning = "serve all calls by `NativeMemory`, as where Hakmem is not supported",
        };

    public static readonly HakmemSetting RequireSupported =
        new(nameof(RequireSupported), "HAKMEM_REQUIRE_SUPPORTED", typeof(bool), 0)
        {
            Meaning = "fail at first use where all calls would be served so",
        };

    // Whether anything is set at all, understood or not. If not, every value is its default.
    //
    // The framework's tables have locks. A thread without a SynchronizationContext that need not wait asks plainly, so
    // that a program's first use loads no classes for the others.
    public static unsafe bool AreAny()
    {
        if (SynchronizationContext.Current is null)
        {
            try
            {
                return IsAnySet();
            }
            catch (ThreadInterruptedException)
            {
                Thread.CurrentThread.Interrupt();
            }
        }

        bool areAny = false;
        SettingSource.Ask(ref areAny, &Look);
        return areAny;

        static void Look(ref bool areAny) => areAny = IsAnySet();
    }

    private static bool IsAnySet()
    {
        for (int from = 0; from < Names.Length;)
        {
            if (AppContext.GetData("Hakmem." + NextWord(Names, ref from)) is not null)
            {
                return true;
            }
        }

        for (int from = 0; from < Variables.Length;)
        {
            if (Environment.GetEnvironmentVariable("HAKMEM_" + NextWord(Variables, ref from)) is not null)
            {
                return true;
            }
        }

        return false;
    }

    private static long Ticks(long milliseconds) => milliseconds * TimeSpan.TicksPerMillisecond;

    // Without IndexOf, the first use of which took 1.8 ms of a process.
    private static string NextWord(string words, ref int from)
    {
        int end = from;
        while (end < words.Length && words[end] != ' ')
        {
            end++;
        }

        string word = words.Substring(from, end - from);
        from = end + 1;
        return word;
    }
}

// A heap's options as the layers below it use them: resolved once, when the heap is created. The initialisers are the
// defaults.
internal sealed class HeapLimits
{
    // The enumerations as numbers: a field of an enumeration has the runtime load that type with this one, and a first
    // allocation needs none of them.
    private readonly int _prefault = (int)PrefaultMode.None;
    private readonly int _lazyZero = (int)LazyZeroMode.Deferred;
    private readonly int _hugePages = (int)HugePageMode.Default;
    private readonly int _hardening = (int)HardeningLevel.Standard;

    public PrefaultMode Prefault
    {
        get => (PrefaultMode)_prefault;
        init => _prefault = (int)value;
    }

    public LazyZeroMode LazyZero
    {
        get => (LazyZeroMode)_lazyZero;
        init => _lazyZero = (int)value;
    }

    public HugePageMode HugePages
    {
        get => (HugePageMode)_hugePages;
        init => _hugePages = (int)value;
    }

    public HardeningLevel Hardening
    {
        get => (HardeningLevel)_hardening;
        init => _hardening = (int)value;
    }

    public bool IsHardened => _hardening != (int)HardeningLevel.Standard;

    public bool KeepsHugePages => _hugePages == (int)HugePageMode.Always;

    // Whether new memory is more than committed: see SuperSlabCache.
    public bool IsPrepared => _hugePages != (int)HugePageMode.Default || _prefault != (int)PrefaultMode.None;

    // Whether new memory has physical memory at once.
    public bool IsPopulated => _prefault is (int)PrefaultMode.Populate or (int)PrefaultMode.Touch;

    public bool CaptureStacks { get; init; }

    public long QuarantineBytes { get; init; } = 16L << 20;

    // Zero for none, as the next.
    public int GuardedSampleInterval { get; init; }

    public long GuardedSampleBytes { get; init; }

    public bool IsGuardedSampled => GuardedSampleInterval > 0 || GuardedSampleBytes > 0;

    public bool FaultReports { get; init; } = true;

    // Zero for none.
    public long MaxBytes { get; init; }

    // Zero for none.
    public long SoftLimitBytes { get; init; }

    public long ThreadCacheBytes { get; init; } = 16L << 20;

    public int SuperSlabCacheCount { get; init; } = 256;

    public long SuperSlabCacheBytes { get; init; } = 512L << 20;

    public long CacheTtlMs { get; init; } = 10_000;

    public long PurgeDelayMs { get; init; } = 1_000;

    // Null for the system's, whose provider is of no use here and would have to be loaded before a first allocation.
    public TimeProvider? Time { get; init; }

    // The lower of the two limits on empty SuperSlabs.
    public long CacheBytes => Math.Min(SuperSlabCacheBytes, (long)SuperSlabCacheCount * Geometry.SlabBytes);

    // Whether memory is discarded as soon as it is empty.
    public bool IsEager =>
        LazyZero == LazyZeroMode.Immediate || (LazyZero == LazyZeroMode.Deferred && PurgeDelayMs == 0);

    // Returns this object. Throws if the soft limit could never be exceeded.
    public HeapLimits RequireOrder() => MaxBytes == 0 || SoftLimitBytes <= MaxBytes ? this
        : throw new ArgumentOutOfRangeException(
            nameof(HakmemOptions.SoftLimitBytes), SoftLimitBytes,
            $"HakmemOptions.{nameof(HakmemOptions.SoftLimitBytes)} must not exceed the hard limit, {MaxBytes} bytes.");

    // Milliseconds since some moment; a free of a span or run reads it, so the system's is the cheap clock.
    public long NowMs => Time is null ? Environment.TickCount64 : (long)Time.GetElapsedTime(0).TotalMilliseconds;
}
