using System;
using System.Buffers;
using System.Diagnostics;

namespace Hakmem;

/// <summary>Rented memory that may be kept across an <c>await</c> and in fields, and whose owner is no garbage. Rent it
/// with <see cref="PooledMemoryExtensions.RentPooled{T}(IHakmemAllocator, int, int, bool)"/> or from a pool.</summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>
/// <para>
/// Dispose it exactly once, on any thread. Every copy of the struct is the same rental: after one of them is disposed,
/// all throw <see cref="ObjectDisposedException"/>, <see cref="Dispose"/> included, for as long as the process lives.
/// So a copy that is disposed again can never free what somebody else has rented since. The default value is an empty
/// rental, whose disposal does nothing.
/// </para>
/// <para>
/// The object behind it is used again. That is checked for this struct, but cannot be for a <see cref="Memory{T}"/>
/// that was taken from it: used after the disposal, it throws for a while (until 16 more rentals were disposed on that
/// thread), and then shows the memory of another rental. A span or pointer is not checked at all. Memory that is
/// pinned, as by a pending read, must be unpinned before the disposal.
/// </para>
/// <para>There is no finalizer that frees: a rental that is dropped is leaked until its heap is disposed.</para>
/// </remarks>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
public readonly struct PooledMemory<T> : IMemoryOwner<T>, IEquatable<PooledMemory<T>>
    where T : unmanaged
{
    private readonly PooledMemorySlot<T>? _slot;
    private readonly long _generation;

    internal PooledMemory(PooledMemorySlot<T> slot, long generation)
    {
        _slot = slot;
        _generation = generation;
    }

    /// <summary>The memory, with exactly the requested length. Do not use it after <see cref="Dispose"/>.</summary>
    /// <exception cref="ObjectDisposedException">This or another copy, or the heap, has been disposed.</exception>
    public Memory<T> Memory => _slot is null ? default : _slot.MemoryOf(_generation);

    /// <summary>The memory as a span. Do not use it after <see cref="Dispose"/>.</summary>
    /// <exception cref="ObjectDisposedException">This or another copy, or the heap, has been disposed.</exception>
    public Span<T> Span => _slot is null ? default : _slot.SpanOf(_generation);

    /// <summary>The number of elements, as it was requested.</summary>
    /// <exception cref="ObjectDisposedException">This or another copy has been disposed.</exception>
    public int Length => _slot is null ? 0 : _slot.LengthOf(_generation);

    /// <summary>Whether this or another copy has been disposed. Never throws.</summary>
    public bool IsDisposed => _slot is not null && !_slot.IsRented(_generation);

    private string DebuggerDisplay => IsDisposed ? "disposed" : $"Length = {Length}";

    /// <summary>Whether two values are copies of one rental.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">Another one.</param>
    /// <returns>True for copies of one rental, and for two default values.</returns>
    public static bool operator ==(PooledMemory<T> left, PooledMemory<T> right) => left.Equals(right);

    /// <summary>Whether two values are not copies of one rental.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">Another one.</param>
    /// <returns>False for copies of one rental, and for two default values.</returns>
    public static bool operator !=(PooledMemory<T> left, PooledMemory<T> right) => !left.Equals(right);

    /// <summary>Frees the memory.</summary>
    /// <exception cref="ObjectDisposedException">This or another copy has been disposed before. Nothing was freed.
    /// </exception>
    public void Dispose() => _slot?.Return(_generation);

    /// <inheritdoc/>
    public bool Equals(PooledMemory<T> other) =>
        ReferenceEquals(_slot, other._slot) && _generation == other._generation;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is PooledMemory<T> other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => (_slot?.GetHashCode() ?? 0) ^ _generation.GetHashCode();
}
