using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// Where the calling thread is, every tenth of a millisecond of its processor time: instruction addresses that the
/// kernel's own timer takes, so that neither the runtime's safe points nor another thread decide which instructions can
/// be seen.
/// </summary>
/// <remarks>
/// It needs no hardware counter. It does need root, or /proc/sys/kernel/perf_event_paranoid of at most 1, for time in
/// the kernel is part of the answer. Samples beyond the buffer (1.6 s of time) are lost.
/// </remarks>
internal sealed unsafe partial class AddressSampler : IDisposable
{
    private const ulong ProcessorClock = 0;
    private const ulong PeriodNanoseconds = 100_000;
    private const int BufferPages = 64;

    // The ring's first page: where the kernel will write next, in bytes ever written.
    private const int HeadOffset = 1024;

    // A record: type (4 bytes), flags (2), size (2), and for a sample the address.
    private const int RecordSizeOffset = 6;
    private const int RecordAddressOffset = 8;
    private const int SampleRecord = 9;

    private const int ReadWrite = 1 | 2;
    private const int Shared = 1;

    private readonly PerfEvent _event;
    private readonly byte* _ring;
    private readonly int _pageBytes = Environment.SystemPageSize;

    private AddressSampler(PerfEvent clock, byte* ring)
    {
        _event = clock;
        _ring = ring;
    }

    private nuint RingBytes => (nuint)((BufferPages + 1) * _pageBytes);

    /// <summary>A sampler of the calling thread, stopped; null where this user may not have one.</summary>
    public static AddressSampler? TryOpen()
    {
        PerfEvent? clock = PerfEvent.TryOpen(PerfEvent.SoftwareType, ProcessorClock, PeriodNanoseconds);
        if (clock is null)
        {
            return null;
        }

        nuint bytes = (nuint)((BufferPages + 1) * Environment.SystemPageSize);
        byte* ring = Map(null, bytes, ReadWrite, Shared, clock.File, 0);
        if (ring != (byte*)-1)
        {
            return new AddressSampler(clock, ring);
        }

        clock.Dispose();
        return null;
    }

    public void Start() => _event.Start();

    public void Stop() => _event.Stop();

    /// <summary>The addresses taken so far, oldest first.</summary>
    public IReadOnlyList<ulong> Read()
    {
        List<ulong> addresses = [];
        byte* data = _ring + _pageBytes;

        // The kernel writes records before it moves the head, and stops at the buffer's end, as nothing here moves the
        // tail.
        ulong head = Math.Min(Volatile.Read(ref *(ulong*)(_ring + HeadOffset)), (ulong)(BufferPages * _pageBytes));
        ulong position = 0;
        while (position + RecordAddressOffset + sizeof(ulong) <= head)
        {
            byte* record = data + position;
            if (*(uint*)record == SampleRecord)
            {
                addresses.Add(*(ulong*)(record + RecordAddressOffset));
            }

            position += Math.Max((ushort)RecordAddressOffset, *(ushort*)(record + RecordSizeOffset));
        }

        return addresses;
    }

    public void Dispose()
    {
        _ = Unmap(_ring, RingBytes);
        _event.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* Map(byte* address, nuint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(byte* address, nuint bytes);
}
