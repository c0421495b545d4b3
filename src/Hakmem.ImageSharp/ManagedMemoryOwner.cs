using System;
using System.Buffers;

namespace Hakmem;

// A managed array as an owner, for elements with references.
internal sealed class ManagedMemoryOwner<T>(T[] array) : IMemoryOwner<T>
{
    private T[]? _array = array;

    public Memory<T> Memory => _array ?? throw new ObjectDisposedException(nameof(IMemoryOwner<T>));

    public void Dispose() => _array = null;
}
