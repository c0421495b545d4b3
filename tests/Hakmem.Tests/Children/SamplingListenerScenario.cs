using System;
using System.Collections.Generic;
using System.Diagnostics.Tracing;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// A listener in the process is told of each sampled block in the middle of its allocation. It allocates blocks of the
// same size from the same heap then, and may end the profiler and start another one. Every block keeps its contents.
internal static unsafe class SamplingListenerScenario
{
    public const string EndsProfilers = "ends-profilers";

    // With these 256 KiB blocks and mean a sample comes every third allocation.
    private const int Bytes = 256 << 10;
    private const long Mean = 512 << 10;
    private const int Blocks = 400;
    private const int NestedBlocks = 4;

    public static void Run(string[] args)
    {
        using HakmemAllocator heap = new();

        // Makes the event source, which otherwise the first decay pass does.
        using IDisposable metrics = HakmemMetrics.Register(heap, "sampled");
        using AllocatingListener listener = new(heap, args is [EndsProfilers]);
        for (int round = 0; round < 20; round++)
        {
            List<(nint Block, uint Seed)> blocks = listener.Blocks;
            for (int i = 0; i < Blocks; i++)
            {
                uint seed = (uint)((round * 100_000) + i);
                blocks.Add(((nint)Allocate(heap, seed), seed));
            }

            foreach ((nint block, uint seed) in blocks)
            {
                Pattern.Verify((void*)block, Bytes, seed);
                heap.Free((void*)block);
            }

            blocks.Clear();
        }

        listener.End();
        Console.WriteLine($"nested={listener.Count}");
        Console.WriteLine($"sound={(heap.Verify().IsSound ? 1 : 0)}");
        Console.WriteLine($"live={heap.GetStatistics().LiveBlocks}");
    }

    private static void* Allocate(HakmemAllocator heap, uint seed)
    {
        void* block = heap.Alloc(Bytes);
        Pattern.Fill(block, Bytes, seed);
        return block;
    }

    private sealed class AllocatingListener : EventListener
    {
        private readonly HakmemAllocator? _heap;
        private readonly bool _endsProfilers;
        private HakmemProfiler? _profiler;
        private bool _isInside;

        public AllocatingListener(HakmemAllocator heap, bool endsProfilers)
        {
            _heap = heap;
            _endsProfilers = endsProfilers;
            _profiler = HakmemProfiler.Start(heap, Mean);
        }

        public List<(nint Block, uint Seed)> Blocks { get; } = [];

        public int Count { get; private set; }

        public void End()
        {
            _profiler?.Dispose();
            _profiler = null;
        }

        protected override void OnEventSourceCreated(EventSource source)
        {
            if (source.Name == "Hakmem")
            {
                EnableEvents(source, EventLevel.Verbose);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs written)
        {
            if (written.EventName != "BlockSampled" || _isInside || _heap is not { } heap || _profiler is null)
            {
                return;
            }

            _isInside = true;
            for (int i = 0; i < NestedBlocks; i++)
            {
                uint seed = (uint)(1 << 30) + (uint)++Count;
                Blocks.Add(((nint)Allocate(heap, seed), seed));
            }

            if (_endsProfilers)
            {
                _profiler.Dispose();
                Blocks.Add(((nint)Allocate(heap, 7), 7));
                _profiler = HakmemProfiler.Start(heap, Mean);
            }

            _isInside = false;
        }
    }
}
