using System;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Hakmem;

// What a debugger shows of buffers and pools: one line each, and the elements that unfold under it. As for a heap (see
// Api/HeapDebuggerView.cs), nothing here enters a lock, allocates from a heap, or throws. Elements are read only
// if the owner has its block and the heap's page map says that the pages can be read. The elements of a guarded block
// are never read: its pages are closed when the block is freed, which a copy of a NativeBuffer does not know.
internal static unsafe class DebuggerViews
{
    private const int MaxElements = 256;

    // Of a buffer, an owner, an array, a writer or a stream. gone says why it has no memory; null if it has.
    public static string TextOf<T>(string? gone, string name, long count) =>
        gone ?? Text($"{Disposed.NameOf(typeof(T))}, {name} = {count}");

    public static string TextOfPool<T>(bool isDisposed, NativeMemoryPoolStatistics figures) => isDisposed
        ? Text($"disposed, {figures.RentedCount} rented")
        : Text($"{Disposed.NameOf(typeof(T))}, {figures.RentedCount} rented, {figures.RentedBytes} bytes");

    // Null if the memory is not gone.
    public static string? GoneText(bool isDisposed, HakmemAllocator? heap) =>
        isDisposed ? "disposed" : heap is { IsDisposed: true } ? "gone: the heap has been disposed" : null;

    // The first elements of a block; none if they cannot be read.
    public static T[] FirstElements<T>(HakmemAllocator? heap, void* start, long count)
    {
        int shown = (int)Math.Min(count, MaxElements);
        bool canRead = start != null && shown > 0 && heap is not null &&
            heap.CanRead(start, (nuint)shown * (nuint)Unsafe.SizeOf<T>());

        // SAFETY: all of these bytes lie in readable memory of the heap.
        return canRead ? new ReadOnlySpan<T>(start, shown).ToArray() : [];
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    internal sealed class BufferView<T>
        where T : unmanaged
    {
        public BufferView(NativeBuffer<T> buffer)
        {
            State = buffer.DebuggerDisplay;
            Length = buffer.Length;
            FirstElements = buffer.FirstElements;
        }

        public string State { get; }

        public int Length { get; }

        public T[] FirstElements { get; }
    }

    internal sealed class OwnerView<T>(NativeMemoryOwner<T> owner)
    {
        public string State => owner.DebuggerDisplay;

        public T[] FirstElements => owner.FirstElements;
    }

    internal sealed class ArrayView<T>(NativeArray<T> array)
        where T : unmanaged
    {
        public string State => array.DebuggerDisplay;

        public long Length => array.Length;

        public T[] FirstElements => array.FirstElements;
    }

    internal sealed class WriterView<T>(NativeBufferWriter<T> writer)
        where T : unmanaged
    {
        public string State => writer.DebuggerDisplay;

        public int WrittenCount => writer.WrittenCount;

        public int Capacity => writer.Capacity;

        public T[] FirstElements => writer.FirstElements;
    }

    internal sealed class StreamView(NativeMemoryStream stream)
    {
        public string State => stream.DebuggerDisplay;

        public byte[] FirstBytes => stream.FirstBytes;
    }
}
