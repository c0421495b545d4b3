using System;
using System.Buffers;
using System.IO;
using Hakmem.Os;

namespace Hakmem;

/// <summary>Views of a <see cref="NativeArray{T}"/> as a stream, a writer and a sequence.</summary>
public static class NativeArrayExtensions
{
    /// <summary>Returns the array's bytes as a stream, which reads, writes and seeks, and ends where the array ends.
    /// </summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="array">The array. It is not disposed with the stream.</param>
    /// <param name="access">Whether the stream can be read, written, or both, the default.</param>
    /// <returns>The stream, at the first byte. It has the array's length at each call, so it follows
    /// <see cref="NativeArray{T}.Resize"/>. A write beyond the end throws <see cref="NotSupportedException"/> and
    /// writes nothing. It is not thread-safe.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="array"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="access"/> is not a value of its enumeration.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    public static Stream AsStream<T>(this NativeArray<T> array, FileAccess access = FileAccess.ReadWrite)
        where T : unmanaged
    {
        Argument.RequireNotNull(array);
        if (access is < FileAccess.Read or > FileAccess.ReadWrite)
        {
            throw new ArgumentOutOfRangeException(nameof(access), access, "The access is Read, Write or ReadWrite.");
        }

        array.ThrowIfDisposed();
        return new NativeArrayStream<T>(array, access);
    }

    /// <summary>Returns a writer that writes to the array from an index on, and makes the array longer where it is too
    /// short.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="array">The array. Its length may be above the number of elements written: when all is written,
    /// call <see cref="NativeArray{T}.Resize"/> with the writer's <see cref="NativeArrayWriter{T}.Position"/>.</param>
    /// <param name="start">The index of the first element to write, from zero to the array's length.</param>
    /// <returns>The writer. It is not thread-safe.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="array"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="start"/> is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    public static NativeArrayWriter<T> AsWriter<T>(this NativeArray<T> array, long start = 0)
        where T : unmanaged
    {
        Argument.RequireNotNull(array);
        array.ThrowIfDisposed();
        Argument.RequireAtMost(start, array.Length);
        return new NativeArrayWriter<T>(array, start);
    }

    /// <summary>Returns all elements as a sequence, whose length has 64 bits.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="array">The array.</param>
    /// <returns>A view of the array, which follows the array when it moves, and throws after its disposal.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="array"/> is null.</exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    public static ReadOnlySequence<T> AsSequence<T>(this NativeArray<T> array)
        where T : unmanaged
    {
        Argument.RequireNotNull(array);
        return array.AsSequence(0, array.Length);
    }

    /// <summary>Returns some of the elements as a sequence.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="array">The array.</param>
    /// <param name="start">The index of the first, from zero to the array's length.</param>
    /// <param name="length">How many elements, from zero to the array's length - <paramref name="start"/>.</param>
    /// <returns>A view of the array, which follows the array when it moves, and throws after its disposal and where
    /// the array has become shorter. Above <see cref="int.MaxValue"/> elements it has several segments.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="array"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the array.</exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    public static ReadOnlySequence<T> AsSequence<T>(this NativeArray<T> array, long start, long length)
        where T : unmanaged
    {
        Argument.RequireNotNull(array);
        array.ThrowUnlessInside(start, length);
        if (length == 0)
        {
            return ReadOnlySequence<T>.Empty;
        }

        MemorySegment<T> first = new(Part(0), 0);
        MemorySegment<T> last = first;
        for (long done = last.Memory.Length; done < length; done += last.Memory.Length)
        {
            last = last.Append(Part(done));
        }

        return new ReadOnlySequence<T>(first, 0, last, last.Memory.Length);

        Memory<T> Part(long done) => array.AsMemory(start + done, (int)Math.Min(length - done, int.MaxValue));
    }
}
