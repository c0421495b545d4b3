using System;
using System.Collections.Concurrent;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Tests.Traces;

// The C library's malloc, which counts what is live, and can be made to fail. One replay at a time.
internal readonly unsafe struct CountingSubject : IAllocatorSubject
{
    private static readonly ConcurrentDictionary<nint, nuint> s_live = new();
    private static long s_calls;
    private static long s_failAt;
    private static long s_liveBytes;
    private static long s_peakBytes;

    public static long Calls => Interlocked.Read(ref s_calls);

    public static int LiveCount => s_live.Count;

    public static long LiveBytes => Interlocked.Read(ref s_liveBytes);

    public static long PeakBytes => Interlocked.Read(ref s_peakBytes);

    // The call that throws, counted from 1; 0 for none.
    public static void Reset(long failAt = 0)
    {
        s_live.Clear();
        (s_calls, s_failAt, s_liveBytes, s_peakBytes) = (0, failAt, 0, 0);
    }

    public static void* Alloc(nuint byteCount)
    {
        Count();
        void* block = NativeMemory.Alloc(byteCount);
        NativeMemory.Fill(block, byteCount, 0xEE);
        return Add(block, byteCount);
    }

    public static void* AllocZeroed(nuint byteCount)
    {
        Count();
        return Add(NativeMemory.AllocZeroed(byteCount), byteCount);
    }

    public static void* Realloc(void* block, nuint byteCount)
    {
        Count();
        Remove(block);
        return Add(NativeMemory.Realloc(block, byteCount), byteCount);
    }

    public static void Free(void* block)
    {
        Count();
        Remove(block);
        NativeMemory.Free(block);
    }

    private static void Count()
    {
        if (Interlocked.Increment(ref s_calls) == s_failAt)
        {
            throw new OutOfMemoryException("The test wanted it.");
        }
    }

    private static void* Add(void* block, nuint byteCount)
    {
        Assert(s_live.TryAdd((nint)block, byteCount), "was allocated twice");
        long live = Interlocked.Add(ref s_liveBytes, (long)byteCount);
        long peak = Interlocked.Read(ref s_peakBytes);
        while (live > peak)
        {
            long seen = Interlocked.CompareExchange(ref s_peakBytes, live, peak);
            peak = seen == peak ? live : seen;
        }

        return block;
    }

    private static void Remove(void* block)
    {
        Assert(s_live.TryRemove((nint)block, out nuint byteCount), "is not live");
        Interlocked.Add(ref s_liveBytes, -(long)byteCount);
    }

    private static void Assert(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException($"A block {what}.");
        }
    }
}
