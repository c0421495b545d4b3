using BenchmarkDotNet.Attributes;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Micro;

/// <summary>A block that grows by a few bytes and shrinks again: within what every allocator has already given it.</summary>
public unsafe class ReallocBenchmarks
{
    private const int GrowthBytes = 8;

    private void* _native;
    private void* _mimalloc;
    private void* _hakmem;

    /// <summary>The block's size: eight bytes below a size that allocators round up to.</summary>
    [Params(56, 1016, (64 << 10) - 8)]
    public int Bytes { get; set; }

    /// <summary>Allocates a block of each allocator.</summary>
    [GlobalSetup]
    public void Allocate()
    {
        nuint byteCount = (nuint)Bytes;
        _native = NativeMemorySubject.Alloc(byteCount);
        _mimalloc = MimallocLibrary.IsAvailable ? MimallocSubject.Alloc(byteCount) : null;
        _hakmem = HakmemSubject.Alloc(byteCount);
    }

    /// <summary>Frees the blocks.</summary>
    [GlobalCleanup]
    public void Free()
    {
        NativeMemorySubject.Free(_native);
        HakmemSubject.Free(_hakmem);
        if (_mimalloc is not null)
        {
            MimallocSubject.Free(_mimalloc);
        }
    }

    /// <summary>The C library's realloc, twice.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = 2)]
    public void NativeMemory() => _native = GrowAndShrink<NativeMemorySubject>(_native);

    /// <summary>Native mimalloc.</summary>
    [Benchmark(OperationsPerInvoke = 2)]
    [BenchmarkCategory(MicroConfig.NeedsMimalloc)]
    public void Mimalloc() => _mimalloc = GrowAndShrink<MimallocSubject>(_mimalloc);

    /// <summary>Ours.</summary>
    [Benchmark(OperationsPerInvoke = 2)]
    public void Hakmem() => _hakmem = GrowAndShrink<HakmemSubject>(_hakmem);

    private void* GrowAndShrink<T>(void* block)
        where T : struct, IAllocatorSubject
    {
        block = T.Realloc(block, (nuint)(Bytes + GrowthBytes));
        return T.Realloc(block, (nuint)Bytes);
    }
}
