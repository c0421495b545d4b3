using System;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// A burst of at least 1 GiB in blocks of mixed sizes on 64 threads, which free everything and then sleep. Nobody trims. Prints the resident set before
// it, at its peak, and when it has fallen to a twentieth of the burst or a deadline far above the delay has passed.
internal static unsafe class DecayScenario
{
    private const int Threads = 64;
    private const nuint BurstBytes = 1024 * BlockSizes.MiB;

    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(90);

    private static readonly nuint[] s_sizes = [192, 1_000, 9_000, BlockSizes.Mid, BlockSizes.MiB, 2 * BlockSizes.MiB];

    public static void Run()
    {
        HakmemAllocator heap = HakmemAllocator.Shared;
        nint[][] blocks = new nint[Threads][];
        nuint bytesEach = BurstBytes / Threads / (nuint)s_sizes.Length;
        using Barrier phase = new(Threads + 1);
        using ManualResetEventSlim end = new();
        for (int i = 0; i < Threads; i++)
        {
            // Touched before the first measurement: what the burst is remembered in is not part of it.
            int index = i;
            blocks[i] = new nint[s_sizes.Sum(size => (int)((bytesEach + size - 1) / size))];
            blocks[i].AsSpan().Fill(-1);
            new Thread(() => Work(heap, blocks[index], bytesEach, phase, end)) { IsBackground = true }.Start();
        }

        phase.SignalAndWait();
        long start = ResidentSetScenario.ReadBytes();
        phase.SignalAndWait();
        phase.SignalAndWait();
        long peak = ResidentSetScenario.ReadBytes();
        long limit = start + ((peak - start) / 20);
        phase.SignalAndWait();
        phase.SignalAndWait();
        Stopwatch since = Stopwatch.StartNew();
        long now = ResidentSetScenario.ReadBytes();
        while (now > limit && since.Elapsed < s_deadline)
        {
            Thread.Sleep(20);
            now = ResidentSetScenario.ReadBytes();
        }

        Console.WriteLine($"start={start}\npeak={peak}\nend={now}\nmilliseconds={since.ElapsedMilliseconds}");
        end.Set();
    }

    private static void Work(HakmemAllocator heap, nint[] blocks, nuint bytesEach, Barrier phase, ManualResetEventSlim end)
    {
        heap.Free(heap.Alloc(64));
        phase.SignalAndWait();
        phase.SignalAndWait();
        int next = 0;
        foreach (nuint size in s_sizes)
        {
            for (nuint used = 0; used < bytesEach; used += size)
            {
                void* pointer = heap.Alloc(size);
                new Span<byte>(pointer, (int)size).Fill(1);
                blocks[next++] = (nint)pointer;
            }
        }

        phase.SignalAndWait();
        phase.SignalAndWait();
        Array.ForEach(blocks[..next], address => heap.Free((void*)address));
        phase.SignalAndWait();
        end.Wait();
    }
}
