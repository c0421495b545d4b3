using System;
using System.Buffers;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Api;

namespace Hakmem;

/// <summary>
/// A <see cref="MemoryPool{T}"/> of unmanaged byte buffers: a replacement for <see cref="MemoryPool{T}.Shared"/> whose
/// memory the garbage collector neither scans nor moves.
/// </summary>
/// <remarks><inheritdoc cref="NativeMemoryPool{T}" path="/remarks"/></remarks>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
public sealed class NativeMemoryPool : MemoryPool<byte>
{
    // This class does not wrap a NativeMemoryPool<byte>, so that all of its code is compiled ahead: see PoolCore.
    private readonly PoolCore<byte> _core;

    /// <inheritdoc cref="NativeMemoryPool{T}(HakmemAllocator, NativeMemoryPoolOptions)"/>
    public NativeMemoryPool(HakmemAllocator allocator, NativeMemoryPoolOptions? options = null)
        : this(allocator, options, isShared: false)
    {
    }

    /// <inheritdoc cref="NativeMemoryPool{T}(IHakmemAllocator, NativeMemoryPoolOptions)"/>
    public NativeMemoryPool(IHakmemAllocator allocator, NativeMemoryPoolOptions? options = null)
        : this(ForeignHeap.FrontOf(allocator), options, isShared: false)
    {
    }

    private NativeMemoryPool(HakmemAllocator allocator, NativeMemoryPoolOptions? options, bool isShared) =>
        _core = new PoolCore<byte>(this, allocator, options, isShared);

    /// <inheritdoc cref="NativeMemoryPool{T}.Leaked"/>
    public event EventHandler<NativeMemoryLeak>? Leaked
    {
        add => _core.Leaked += value;
        remove => _core.Leaked -= value;
    }

    /// <summary>
    /// The process-wide pool over <see cref="HakmemAllocator.Shared"/>. Disposing it does nothing, as with
    /// <see cref="MemoryPool{T}.Shared"/>.
    /// </summary>
    public static new NativeMemoryPool Shared { get; } = new(HakmemAllocator.Shared, null, isShared: true);

    /// <summary>The largest buffer in bytes that <see cref="Rent"/> accepts.</summary>
    public override int MaxBufferSize => _core.MaxLength;

    private string DebuggerDisplay => _core.DebuggerDisplay;

    /// <summary>Rents a buffer of exactly <paramref name="minBufferSize"/> bytes with undefined contents.</summary>
    /// <param name="minBufferSize">
    /// The length in bytes, from 0 to <see cref="MaxBufferSize"/>; -1 for the pool's default length.
    /// </param>
    /// <returns>The owner. Disposing it returns the buffer; disposing it again does nothing.</returns>
    /// <inheritdoc cref="NativeMemoryPool{T}.Rent" path="/exception"/>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => _core.Rent(minBufferSize);

    /// <inheritdoc cref="NativeMemoryPool{T}.RentAsync"/>
    public ValueTask<IMemoryOwner<byte>> RentAsync(
        int minBufferSize, TimeSpan timeout, CancellationToken cancellation = default) =>
        _core.RentAsync(minBufferSize, timeout, cancellation);

    /// <inheritdoc cref="NativeMemoryPool{T}.GetStatistics"/>
    public NativeMemoryPoolStatistics GetStatistics() => _core.GetStatistics();

    /// <inheritdoc cref="NativeMemoryPool{T}.Dispose(bool)"/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _core.End();
        }
    }
}
