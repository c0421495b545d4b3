using System.Buffers;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>A buffer from <see cref="ArrayPool{T}.Shared"/>: the usual answer in .NET, and managed memory.</summary>
internal readonly struct ArrayPoolBuffer : IBufferSubject<ArrayPoolBuffer>
{
    private readonly byte[] _array;

    private ArrayPoolBuffer(byte[] array)
    {
        _array = array;
    }

    public static ArrayPoolBuffer Rent(int byteCount) => new(ArrayPool<byte>.Shared.Rent(byteCount));

    public void Touch(int byteCount)
    {
        _array[0] = 1;
        _array[byteCount - 1] = 1;
    }

    public void Return() => ArrayPool<byte>.Shared.Return(_array);
}
