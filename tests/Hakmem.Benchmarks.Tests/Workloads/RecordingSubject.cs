using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Tests.Workloads;

// Keeps what a workload asked for: who allocated and freed each block, and whether its first and last byte were written
// in between. One workload at a time may run over it.
internal readonly unsafe struct RecordingSubject : IAllocatorSubject
{
    private const byte Unwritten = 0xEE;

    private static readonly ConcurrentDictionary<nint, RecordedBlock> s_live = new();
    private static readonly ConcurrentQueue<RecordedBlock> s_freed = new();
    private static int s_unwritten;
    private static int s_threadCount;

    // The runtime gives an ended thread's number to another one.
    [ThreadStatic]
    private static int t_thread;

    private static int Thread => t_thread == 0 ? t_thread = Interlocked.Increment(ref s_threadCount) : t_thread;

    public static Recording Record(Workload workload, long operations)
    {
        s_live.Clear();
        s_freed.Clear();
        s_unwritten = 0;
        WorkloadBody body = workload.ForAllocator<RecordingSubject>()
            ?? throw new ArgumentException($"{workload.Name} has no form for blocks.", nameof(workload));
        long done = body(operations);
        return new Recording(done, [.. s_freed], s_live.Count, s_unwritten);
    }

    public static void* Alloc(nuint byteCount)
    {
        void* block = NativeMemory.Alloc(byteCount);
        NativeMemory.Fill(block, byteCount, Unwritten);
        s_live[(nint)block] = new RecordedBlock(byteCount, Thread, FreeingThread: 0);
        return block;
    }

    public static void* AllocZeroed(nuint byteCount) => throw new NotSupportedException();

    public static void* Realloc(void* block, nuint byteCount) => throw new NotSupportedException();

    public static void Free(void* block)
    {
        if (block is null)
        {
            return;
        }

        if (!s_live.TryRemove((nint)block, out RecordedBlock? recorded))
        {
            throw new InvalidOperationException("A block was freed that is not allocated.");
        }

        byte* bytes = (byte*)block;
        if (bytes[0] == Unwritten || bytes[recorded.ByteCount - 1] == Unwritten)
        {
            Interlocked.Increment(ref s_unwritten);
        }

        s_freed.Enqueue(recorded with { FreeingThread = Thread });
        NativeMemory.Free(block);
    }
}

// A block's size and the threads that allocated and freed it.
internal sealed record RecordedBlock(nuint ByteCount, int AllocatingThread, int FreeingThread);

// What a call of a workload did: the operations it returned, the blocks that it freed in turn, how many it left
// allocated, and how many it freed without having written to their first and last byte.
internal sealed record Recording(
    long Operations, IReadOnlyList<RecordedBlock> Freed, int LeftCount, int UnwrittenCount)
{
    public IEnumerable<nuint> Sizes => Freed.Select(block => block.ByteCount).Distinct();

    public int AllocatingThreads => Freed.Select(block => block.AllocatingThread).Distinct().Count();

    public int BlocksFreedByOthers => Freed.Count(block => block.AllocatingThread != block.FreeingThread);
}
