using System;

namespace Hakmem.Spans;

// A heap's options as the layers below it use them: resolved once, when the heap is made.
internal sealed record HeapLimits
{
    // The time is given by tests that make their own; null is the system's.
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
        CacheBytes = Math.Min(options.SuperSlabCacheBytes, (long)options.SuperSlabCacheCount * SizeClasses.Geometry.SlabBytes);
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

    // Null for the system's, whose provider is of no use here and would have to be loaded before a first allocation.
    public TimeProvider? Time { get; }

    // Whether memory is to be discarded as soon as it is empty.
    public bool IsEager => LazyZero == LazyZeroMode.Immediate || (LazyZero == LazyZeroMode.Deferred && PurgeDelayMs == 0);

    // Milliseconds since some moment; a free of a span or run reads it, so the system's is the cheap clock.
    public long NowMs => Time is null ? Environment.TickCount64 : (long)Time.GetElapsedTime(0).TotalMilliseconds;
}
