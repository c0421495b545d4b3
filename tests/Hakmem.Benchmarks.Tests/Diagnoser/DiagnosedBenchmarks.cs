using System.Collections.Generic;
using BenchmarkDotNet.Attributes;

namespace Hakmem.Benchmarks.Tests.Diagnoser;

// What HakmemDiagnoserTests runs. Public and not sealed, as BenchmarkDotNet requires.
#pragma warning disable CA1001 // The cleanup disposes the heap.
#pragma warning disable CA1822 // Benchmarks are instance methods.
public unsafe class DiagnosedBenchmarks
#pragma warning restore CA1001
{
    private readonly List<nint> _kept = [];
    private HakmemAllocator _own = null!;

    [GlobalSetup(Target = nameof(OwnHeap))]
    public void Setup()
    {
        _own = new HakmemAllocator();
        HakmemDiagnoser.Watch(_own);
    }

    [GlobalCleanup(Target = nameof(OwnHeap))]
    public void Cleanup() => _own.Dispose();

    [IterationSetup(Target = nameof(FreedByTheIterationsCleanup))]
    public void BeforeIteration() => HakmemAllocator.Shared.Free(HakmemAllocator.Shared.Alloc(5_000));

    [IterationCleanup(Target = nameof(FreedByTheIterationsCleanup))]
    public void AfterIteration()
    {
        _kept.ForEach(static block => HakmemAllocator.Shared.Free((void*)block));
        _kept.Clear();
    }

    [Benchmark]
    public void AllocatesAndFrees()
    {
        HakmemAllocator heap = HakmemAllocator.Shared;
        heap.Free(heap.Alloc(100));
        heap.Free(heap.Alloc(3 << 20));
    }

    [Benchmark]
    public nint Leaks()
    {
        HakmemAllocator.Shared.Free(HakmemAllocator.Shared.Alloc(16));
        return (nint)HakmemAllocator.Shared.Alloc(48);
    }

    [Benchmark]
    public void FreedByTheIterationsCleanup() => _kept.Add((nint)HakmemAllocator.Shared.Alloc(200));

    [Benchmark]
    public void OwnHeap() => _own.Free(_own.Alloc(1_000));

    [Benchmark]
    public int AllocatesNothing() => _kept.Count;
}
