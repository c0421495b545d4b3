namespace Hakmem.Benchmarks.Subjects;

/// <summary>A buffer that is a plain block of an allocator.</summary>
/// <typeparam name="T">The allocator.</typeparam>
internal readonly unsafe struct BlockBuffer<T> : IBufferSubject<BlockBuffer<T>>
    where T : struct, IAllocatorSubject
{
    private readonly byte* _block;

    private BlockBuffer(byte* block)
    {
        _block = block;
    }

    public static void Prepare() => T.Prepare();

    public static BlockBuffer<T> Rent(int byteCount) => new((byte*)T.Alloc((nuint)byteCount));

    public void Touch(int byteCount)
    {
        _block[0] = 1;
        _block[byteCount - 1] = 1;
    }

    public void Return() => T.Free(_block);
}
