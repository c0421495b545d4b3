using System;
using System.Runtime.InteropServices;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>One event that the kernel counts or samples for the calling thread (perf_event_open(2)).</summary>
internal sealed unsafe partial class PerfEvent : IDisposable
{
    public const uint HardwareType = 0;
    public const uint SoftwareType = 1;
    public const uint HardwareCacheType = 3;

    // perf_event_attr: an extensible structure of which only the first 64 bytes are used here.
    private const int AttributeBytes = 64;
    private const int SizeOffset = 4;
    private const int ConfigOffset = 8;
    private const int PeriodOffset = 16;
    private const int SampleTypeOffset = 24;
    private const int FlagsOffset = 40;
    private const ulong DisabledFlag = 1;
    private const ulong SampleAddress = 1;

    private const nuint EnableRequest = 0x2400;
    private const nuint DisableRequest = 0x2401;

    private readonly int _file;

    private PerfEvent(int file)
    {
        _file = file;
    }

    public int File => _file;

    private static nint SystemCallNumber => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 241 : 298;

    /// <summary>
    /// Opens an event, stopped. Null where the machine has no such counter, or this user may not read it.
    /// </summary>
    /// <param name="type">Which family.</param>
    /// <param name="config">Which event of the family.</param>
    /// <param name="samplePeriod">
    /// Take the instruction's address each time the event has counted this far; 0 to count only.
    /// </param>
    public static PerfEvent? TryOpen(uint type, ulong config, ulong samplePeriod = 0)
    {
        byte* attribute = stackalloc byte[AttributeBytes];
        new Span<byte>(attribute, AttributeBytes).Clear();
        *(uint*)attribute = type;
        *(uint*)(attribute + SizeOffset) = AttributeBytes;
        *(ulong*)(attribute + ConfigOffset) = config;
        *(ulong*)(attribute + PeriodOffset) = samplePeriod;
        *(ulong*)(attribute + SampleTypeOffset) = samplePeriod == 0 ? 0 : SampleAddress;
        *(ulong*)(attribute + FlagsOffset) = DisabledFlag;
        nint file = OpenPerfEvent(SystemCallNumber, attribute, 0, -1, -1, 0);
        return file < 0 ? null : new PerfEvent((int)file);
    }

    public void Start() => _ = Control(_file, EnableRequest, 0);

    public void Stop() => _ = Control(_file, DisableRequest, 0);

    /// <summary>How often the event happened while it was started; null if the kernel does not say.</summary>
    public long? Read()
    {
        long value;
        return ReadFile(_file, &value, sizeof(long)) == sizeof(long) ? value : null;
    }

    public void Dispose() => _ = CloseFile(_file);

    // Variadic in C; its arguments are passed as others are on x86-64 and Arm64 Linux.
    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint OpenPerfEvent(nint number, byte* attribute, nint process, nint processor, nint group, nuint flags);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Control(int file, nuint request, nint argument);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint ReadFile(int file, void* buffer, nuint bytes);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int CloseFile(int file);
}
