using BenchmarkDotNet.Attributes;
using Hakmem;

[HakmemDiagnoser]
public unsafe class Buffers
{
    private HakmemAllocator _own = null!;

    [GlobalSetup]
    public void Setup()
    {
        _own = new HakmemAllocator();
        HakmemDiagnoser.Watch(_own);
    }

    [GlobalCleanup]
    public void Cleanup() => _own.Dispose();

    [Benchmark]
    public int Rented()
    {
        using NativeBuffer<byte> buffer = HakmemAllocator.Shared.Rent<byte>(1_000);
        return buffer.Span.Length;
    }

    [Benchmark]
    public nint Leaks() => (nint)HakmemAllocator.Shared.Alloc(48);

    [Benchmark]
    public void OfItsOwnHeap() => _own.Free(_own.Alloc(2_000));
}
