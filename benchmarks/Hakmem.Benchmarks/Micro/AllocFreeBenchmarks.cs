using BenchmarkDotNet.Attributes;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Micro;

/// <summary>One block allocated, touched and freed, at sizes that are not known when the code is compiled.</summary>
public unsafe class AllocFreeBenchmarks
{
    /// <summary>The block's size: tiny, mid and large ones.</summary>
    [Params(16, 64, 1024, 16 << 10, 256 << 10, 4 << 20)]
    public int Bytes { get; set; }

    /// <summary>The C library's malloc and free.</summary>
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
        void* block = T.Alloc(byteCount);
        Block.Touch(block, byteCount);
        T.Free(block);
    }
}
