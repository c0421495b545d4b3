namespace Hakmem.Benchmarks.Subjects;

/// <summary>No pool: a new array every time, cleared by the runtime and left to the garbage collector.</summary>
internal readonly struct NewArrayBuffer : IBufferSubject<NewArrayBuffer>
{
    private readonly byte[] _array;

    private NewArrayBuffer(byte[] array)
    {
        _array = array;
    }

    public static NewArrayBuffer Rent(int byteCount) => new(new byte[byteCount]);

    public void Touch(int byteCount)
    {
        _array[0] = 1;
        _array[byteCount - 1] = 1;
    }

    public void Return()
    {
    }
}
