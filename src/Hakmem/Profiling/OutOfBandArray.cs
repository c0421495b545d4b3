using System;
using System.Runtime.CompilerServices;
using Hakmem.Os;

namespace Hakmem.Profiling;

// An array of zeroed elements in memory of its own, neither of a heap nor managed.
// Not thread-safe.
internal unsafe struct OutOfBandArray<T>
    where T : unmanaged
{
    // Above every page size.
    private const int StepBytes = 1 << 16;

    public T* Items { get; private set; }

    public int Length { get; private set; }

    // Allocates memory for at least so many elements. False if the system refuses.
    public static bool TryCreate(OsMemory os, int length, out OutOfBandArray<T> array)
    {
        array = default;
        nuint bytes = BytesOf(length);
        byte* memory = os.TryReserve(bytes);
        if (memory == null)
        {
            return false;
        }

        if (!os.TryCommit(memory, bytes))
        {
            _ = os.TryRelease(memory, bytes);
            return false;
        }

        array.Items = (T*)memory;
        array.Length = length;
        return true;
    }

    // Does nothing without memory.
    public void Release(OsMemory os)
    {
        if (Items != null)
        {
            _ = os.TryRelease((byte*)Items, BytesOf(Length));
            Items = null;
            Length = 0;
        }
    }

    private static nuint BytesOf(int length) =>
        (((nuint)length * (nuint)sizeof(T)) + StepBytes - 1) & ~(nuint)(StepBytes - 1);
}
