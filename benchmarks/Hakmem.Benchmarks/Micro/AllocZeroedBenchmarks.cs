using BenchmarkDotNet.Attributes;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Micro;

/// <summary>One block of zeros allocated, touched and freed: a reused block has to be cleared, fresh pages are zero already.</summary>
public unsafe class AllocZeroedBenchmarks
{
    /// <summary>The block's size.</summary>
    [Params(64, 4 << 10, 256 << 10, 4 << 20)]
    public int Bytes { get; set; }

    /// <summary>The C library's calloc and free.</summary>
    [Benchmark(Baseline = true)]
    public void NativeMemory() => Pair<NativeMemorySubject>();

    /// <summary>Native mimalloc.</summary>
    [Benchmark]
    [BenchmarkCategory(MicroConfig.NeedsMimalloc)]
    public void Mimalloc() => Pair<MimallocSubject>();

    /// <summary>Ours.</summary>
    [Benchmark]
    public void Hakmem() => Pair<HakmemSubject>();

    private void Pair<T>()
        where T : struct, IAllocatorSubject
    {
        nuint byteCount = (nuint)Bytes;
        void* block = T.AllocZeroed(byteCount);
        Block.Touch(block, byteCount);
        T.Free(block);
    }
}
