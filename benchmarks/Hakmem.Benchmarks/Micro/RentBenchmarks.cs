using BenchmarkDotNet.Attributes;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Micro;

/// <summary>One buffer rented, touched and returned, through every way of renting that .NET programs use; see the garbage column.</summary>
public class RentBenchmarks
{
    /// <summary>The buffer's size.</summary>
    [Params(256, 4 << 10, 64 << 10, 1 << 20)]
    public int Bytes { get; set; }

    /// <summary>The usual pool of managed arrays.</summary>
    [Benchmark(Baseline = true)]
    public void ArrayPool() => Pair<ArrayPoolBuffer>();

    /// <summary>The framework's pool behind the owner interface.</summary>
    [Benchmark]
    public void MemoryPool() => Pair<PooledOwnerBuffer<SharedMemoryPoolSource>>();

    /// <summary>No pool.</summary>
    [Benchmark]
    public void NewArray() => Pair<NewArrayBuffer>();

    /// <summary>DotNext.Unsafe's pool of unmanaged memory.</summary>
    [Benchmark]
    public void DotNextPool() => Pair<PooledOwnerBuffer<DotNextPoolSource>>();

    /// <summary>Ours behind the owner interface.</summary>
    [Benchmark]
    public void HakmemPool() => Pair<PooledOwnerBuffer<NativeMemoryPoolSource>>();

    /// <summary>Ours in a scope.</summary>
    [Benchmark]
    public void HakmemBuffer()
    {
        using NativeBuffer<byte> buffer = HakmemAllocator.Shared.Rent<byte>(Bytes);
        buffer[0] = 1;
        buffer[Bytes - 1] = 1;
    }

    /// <summary>Ours by address.</summary>
    [Benchmark]
    public void HakmemBlock() => Pair<BlockBuffer<HakmemSubject>>();

    private void Pair<T>()
        where T : struct, IBufferSubject<T>
    {
        T buffer = T.Rent(Bytes);
        buffer.Touch(Bytes);
        buffer.Return();
    }
}
