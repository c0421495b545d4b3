using System;

namespace Hakmem.Pages;

// A heap's options in the form that the layers below it use, resolved once, when the heap is created.
internal sealed class HeapLimits
{
    public const long DefaultThreadCacheBytes = 10L << 20;
    public const int DefaultCacheCount = 256;
    public const long DefaultCacheBytes = 512L << 20;
    public const int DefaultCacheTtlSeconds = 10;
    public const int DefaultPurgeDelaySeconds = 1;
    public const long DefaultQuarantineBytes = 16L << 20;
    public const bool DefaultFaultReports = true;

    private const int MsPerSecond = 1_000;

    // The same as new HakmemOptions().ToLimits() if nothing is configured, without loading the code for options.
    public HeapLimits()
    {
        QuarantineBytes = DefaultQuarantineBytes;
        FaultReports = DefaultFaultReports;
        ThreadCacheBytes = DefaultThreadCacheBytes;
        CacheBytes = Math.Min(DefaultCacheBytes, (long)DefaultCacheCount * Records.Geometry.SlabBytes);
        CacheTtlMs = DefaultCacheTtlSeconds * MsPerSecond;
        PurgeDelayMs = DefaultPurgeDelaySeconds * MsPerSecond;
    }

    // Tests pass their own time; null stands for the system's.
    public HeapLimits(HakmemOptions options, TimeProvider? time = null)
    {
        Time = time;
        Prefault = options.Prefault;
        LazyZero = options.LazyZero;
        HugePages = options.HugePages;
        Hardening = options.Hardening;
        CaptureStacks = options.CaptureStacks;
        QuarantineBytes = options.QuarantineBytes;
        GuardedSampleInterval = options.GuardedSampleInterval;
        FaultReports = options.FaultReports;
        MaxBytes = options.MaxBytes;
        ThreadCacheBytes = options.ThreadCacheBytes;
        CacheBytes = Math.Min(
            options.SuperSlabCacheBytes, (long)options.SuperSlabCacheCount * Records.Geometry.SlabBytes);
        CacheTtlMs = (long)Math.Min(options.SuperSlabCacheTtl.TotalMilliseconds, long.MaxValue / 2);
        PurgeDelayMs = (long)Math.Min(options.PurgeDelay.TotalMilliseconds, long.MaxValue / 2);
    }

    public PrefaultMode Prefault { get; }

    public LazyZeroMode LazyZero { get; }

    public HugePageMode HugePages { get; }

    public HardeningLevel Hardening { get; }

    public bool CaptureStacks { get; }

    public long QuarantineBytes { get; }

    // Zero for none.
    public int GuardedSampleInterval { get; }

    public bool FaultReports { get; }

    // Zero for none.
    public long MaxBytes { get; }

    public long ThreadCacheBytes { get; }

    public long CacheBytes { get; }

    public long CacheTtlMs { get; }

    public long PurgeDelayMs { get; }

    // Null for the system's: loading its provider would delay the first allocation.
    public TimeProvider? Time { get; }

    // Whether memory is discarded as soon as it is empty.
    public bool IsEager =>
        LazyZero == LazyZeroMode.Immediate || (LazyZero == LazyZeroMode.Deferred && PurgeDelayMs == 0);

    // Milliseconds since some moment. Every free of a span or run reads it, so the system's is the cheap clock.
    public long NowMs => Time is null ? Environment.TickCount64 : (long)Time.GetElapsedTime(0).TotalMilliseconds;
}
