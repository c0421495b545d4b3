using System;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// What the processor counts, for the calling thread. Virtual machines often have no such counters: then each is null,
/// never zero.
/// </summary>
internal sealed class HardwareCounters : IDisposable
{
    // Cache events: which cache, read accesses (0 << 8), misses (1 << 16).
    private const ulong Misses = 1 << 16;
    private const ulong Level1Data = 0;
    private const ulong DataTlb = 3;
    private const ulong CyclesEvent = 0;
    private const ulong InstructionsEvent = 1;

    private readonly PerfEvent? _cycles = PerfEvent.TryOpen(PerfEvent.HardwareType, CyclesEvent);
    private readonly PerfEvent? _instructions = PerfEvent.TryOpen(PerfEvent.HardwareType, InstructionsEvent);
    private readonly PerfEvent? _level1Misses = PerfEvent.TryOpen(PerfEvent.HardwareCacheType, Level1Data | Misses);
    private readonly PerfEvent? _tlbMisses = PerfEvent.TryOpen(PerfEvent.HardwareCacheType, DataTlb | Misses);

    public long? Cycles => _cycles?.Read();

    public long? Instructions => _instructions?.Read();

    public long? Level1Misses => _level1Misses?.Read();

    public long? TlbMisses => _tlbMisses?.Read();

    public void Start()
    {
        _cycles?.Start();
        _instructions?.Start();
        _level1Misses?.Start();
        _tlbMisses?.Start();
    }

    public void Stop()
    {
        _cycles?.Stop();
        _instructions?.Stop();
        _level1Misses?.Stop();
        _tlbMisses?.Stop();
    }

    public void Dispose()
    {
        _cycles?.Dispose();
        _instructions?.Dispose();
        _level1Misses?.Dispose();
        _tlbMisses?.Dispose();
    }
}
