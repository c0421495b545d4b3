using System;
using System.Threading;
using Hakmem.Api;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem;

// Limits that change while the heap is in use.
public sealed unsafe partial class HakmemAllocator
{
    // Created when the first handler is added, so that a first allocation does not load it.
    private SoftLimitNotifier? _notifier;

    /// <summary>
    /// Raised once when the heap commits more than its soft limit, and again only after it has fallen below 90 % of the
    /// limit meanwhile, or after <see cref="SetLimits"/>. The sender is this heap.
    /// </summary>
    /// <remarks>
    /// A handler runs on a thread of the pool, under no lock: it may allocate, free, trim and wait, and the heap may
    /// have shrunk by then. A handler's exception is kept for <see cref="HakmemStatistics.LastCallbackFailure"/> and
    /// does nothing else. A handler that is added while the limit is exceeded is called the next time. Adding and
    /// removing is thread-safe.
    /// </remarks>
    public event EventHandler<SoftLimitEventArgs>? SoftLimitExceeded
    {
        add => Notifier.Handlers += value;
        remove => Notifier.Handlers -= value;
    }

    private SoftLimitNotifier Notifier =>
        _notifier ?? Interlocked.CompareExchange(ref _notifier, new SoftLimitNotifier(this), null) ?? _notifier;

    /// <summary>
    /// Replaces the limits on what the heap commits (<see cref="HakmemOptions.SoftLimitBytes"/> and
    /// <see cref="HakmemOptions.MaxBytes"/>). Thread-safe, also while other threads allocate: a call that has begun may
    /// use the old limits.
    /// </summary>
    /// <remarks>Live blocks stay valid whatever the limits. A hard limit below what is committed refuses growth until
    /// enough was freed. A soft limit below what is committed is exceeded at once.</remarks>
    /// <param name="softBytes">The soft limit in bytes, from 0 to <paramref name="hardBytes"/>; 0 for none.</param>
    /// <param name="hardBytes">The hard limit in bytes: 2 MiB or more, counted in whole SuperSlabs of 2 MiB; 0 for
    /// none.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit is negative, or the hard limit is below 2 MiB and not 0.
    /// </exception>
    /// <exception cref="ArgumentException"><paramref name="softBytes"/> exceeds <paramref name="hardBytes"/>, which is
    /// not 0.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public void SetLimits(long softBytes, long hardBytes)
    {
        Argument.RequireNotNegative(softBytes);
        Argument.RequireNotNegative(hardBytes);
        if (hardBytes is > 0 and < Geometry.SlabBytes)
        {
            throw new ArgumentOutOfRangeException(
                nameof(hardBytes), hardBytes, $"The hard limit must be 0 or at least {Geometry.SlabBytes} bytes.");
        }

        if (hardBytes > 0 && softBytes > hardBytes)
        {
            throw new ArgumentException(
                $"The soft limit, {softBytes} bytes, exceeds the hard limit, {hardBytes} bytes.", nameof(softBytes));
        }

        ThrowIfDisposed();
        _budget.SetLimits(softBytes, hardBytes);
        _budget.TellIfAbove();
        SignalRoom();
    }

    /// <summary>
    /// The part of the memory limit of the process's container, in percent, that all heaps together may commit; 0 for
    /// no such limit. At first it is the setting <c>HAKMEM_CONTAINER_LIMIT_PERCENT</c>, 75 by default. Always 0 where
    /// <see cref="IsSupported"/> is false, since fallbacks know no such limit.
    /// </summary>
    /// <remarks>Thread-safe.</remarks>
    public static int ContainerLimitPercent => ProcessArena.Instance?.LimitPercent ?? 0;

    /// <summary>
    /// Replaces <see cref="ContainerLimitPercent"/>, and reads the container's limit anew. Thread-safe, also while
    /// other threads allocate: a call that has begun may use the old limit.
    /// </summary>
    /// <remarks>Live blocks stay valid whatever the limit. One below what all heaps have committed refuses growth until
    /// enough was returned. What waits for room (<see cref="NativeMemoryPool{T}.RentAsync"/>,
    /// <see cref="NativeBufferWriter{T}.GetMemoryAsync"/>) finds more within 25 ms. It has no effect where
    /// <see cref="IsSupported"/> is false or the process has no memory limit.</remarks>
    /// <param name="percent">The part in percent, from 0 to 100; 0 for no limit.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="percent"/> is out of its range.</exception>
    public static void SetContainerLimit(int percent)
    {
        Argument.RequireAtMost(percent, 100);
        ProcessArena.Instance?.SetLimitPercent(percent);
    }

    // See HeapBudget.Notify.
    private bool NotifySoftLimit()
    {
        _heap?.ScheduleDecay();
        _heap?.Sibling?.ScheduleDecay();
        return _notifier is null || _notifier.TryQueue(_budget.CommittedBytes, _budget.SoftBytes);
    }

    private HakmemStatistics AddCallbackFailures(HakmemStatistics statistics) => _notifier is not { } notifier
        ? statistics
        : statistics with
        {
            FailedCallbacks = notifier.FailedCalls,
            LastCallbackFailure = notifier.LastFailure,
        };
}
