using System;
using Hakmem.Os;
using Hakmem.Regions;

namespace Hakmem;

// A region as a buffer writer: GetSpan offers what is free in the chunk, and Advance allocates a part of it.
public sealed unsafe partial class MemoryRegion
{
    // The start of the room that was offered last; null after an Advance. An allocation since then has moved Range.Next
    // on. Guarded by _lock.
    private byte* _offered;

    /// <summary>Returns room for at least some bytes in one piece, without allocating it: <see cref="Advance"/> does.
    /// So a caller can write first and then keep as many bytes as it wrote. The bytes of one call are contiguous, those
    /// of two need not be.</summary>
    /// <param name="sizeHint">The least length of the room in bytes. Zero, the default, counts as one. Where no chunk
    /// has as much, the region takes a new one of this length, which <see cref="Reset"/> keeps.</param>
    /// <returns>The free room of the chunk, aligned to 16 bytes. Use it until the next call of the region, and what
    /// <see cref="Advance"/> allocated of it until the region is reset or disposed.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="sizeHint"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">There is no room in the heap or below the region's limit; the region is
    /// unchanged.</exception>
    /// <exception cref="InvalidOperationException">The region is shared: its threads would be offered the same room.
    /// Or another thread is in a call of it, as far as that is detected.</exception>
    /// <exception cref="ObjectDisposedException">The region or its heap has been disposed.</exception>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        byte* start = Offer(sizeHint, out int length);
        return new Span<byte>(start, length);
    }

    /// <inheritdoc cref="GetSpan"/>
    /// <summary>Returns room as <see cref="GetSpan"/> does, as memory that throws once the region has been reset or
    /// disposed. One small object is garbage.</summary>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        byte* start = Offer(sizeHint, out int length);
        return new RegionMemory<byte>(this, start, length).Memory;
    }

    /// <summary>Allocates the first bytes of the room that <see cref="GetSpan"/> or <see cref="GetMemory"/> returned
    /// last.</summary>
    /// <param name="count">The number of bytes, from zero to the length of the room. It is rounded up to 16 in
    /// <see cref="UsedBytes"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="InvalidOperationException">The count is above the length of the room, or the room was used up
    /// by an earlier call of <see cref="Advance"/> or by another allocation.</exception>
    /// <exception cref="ObjectDisposedException">The region or its heap has been disposed.</exception>
    public void Advance(int count)
    {
        if (count < 0)
        {
            throw new ArgumentException($"The count must be at least zero, not {count}.", nameof(count));
        }

        bool isOuter = EnterCall();
        bool isGone = IsGone;
        bool isDone = !isGone && TryAdvance((nuint)count);
        ExitCall(isOuter);
        if (!isDone)
        {
            throw isGone ? GoneError() : new InvalidOperationException(
                $"Advance({count}) is not within the room that {nameof(GetSpan)} or {nameof(GetMemory)} returned " +
                "last, or an allocation came in between.");
        }
    }

    private bool TryAdvance(nuint count)
    {
        using (_lock.Enter())
        {
            bool isOffered = _offered != null && _offered == Range.Next && count <= Range.FreeBytes;
            if (isOffered)
            {
                Range.Next += BumpRange.RoundUp(count);
                _offered = null;
            }

            return isOffered || count == 0;
        }
    }

    // Offers the free part of the chunk, or of a new one.
    private byte* Offer(int sizeHint, out int length)
    {
        Argument.RequireNotNegative(sizeHint);
        if (_isShared)
        {
            throw new InvalidOperationException(
                "A shared MemoryRegion is no buffer writer, because its threads would be offered the same room. " +
                $"Create a region within it that is not shared: {nameof(CreateRegion)}().");
        }

        bool isOuter = EnterCall();
        length = 0;
        byte* start = null;
        Exception? failure = null;
        try
        {
            start = IsGone ? null : TryOffer(nuint.Max((nuint)sizeHint, 1), out length, out failure);
        }
        finally
        {
            ExitCall(isOuter);
        }

        return start != null ? start : throw failure ?? GoneError();
    }

    private byte* TryOffer(nuint bytes, out int length, out Exception? failure)
    {
        // Takes the bytes, so that a chunk with room is the current one, and gives them back.
        failure = null;
        void* taken = TryAllocKept(bytes, Unit, mayOpen: true);
        taken = taken != null ? taken : TryAllocInNewChunk(bytes, Unit, out failure);
        length = 0;
        if (taken == null)
        {
            return null;
        }

        using (_lock.Enter())
        {
            Range.Next = (byte*)taken;
            _offered = (byte*)taken;
            length = (int)nuint.Min(Range.FreeBytes, int.MaxValue);
            return (byte*)taken;
        }
    }
}
