using System;
using System.Diagnostics;
using Hakmem.Api;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Tags;

namespace Hakmem;

/// <summary>
/// Who memory belongs to: a name for blocks, with the figures of their bytes and, if wanted, limits.
/// <see cref="HakmemAllocator.ForTag"/> gives the allocator whose blocks a tag counts; one tag may be used with several
/// heaps. A tag counts for its parent too, and that for its own.
/// </summary>
/// <remarks>
/// <para> Thread-safe. A block counts with the size that <see cref="IHakmemAllocator.UsableSize"/> returns, from its
/// allocation until it is freed, on any thread: through any tag's allocator of the heap, or through the heap itself. A
/// block keeps its tag when it is resized. The disposal of a heap takes its blocks from their tags.
/// </para>
/// <para>
/// Without limits a tag counts in each thread's part, without an atomic operation. A tag with a limit, and every tag
/// below it, counts each call at once, for itself and all its parents, so that a hard limit is never exceeded: that
/// costs some nanoseconds for each of them. Tags elsewhere do not pay for it.
/// </para>
/// <para>
/// A tag's parent is another tag that exists already, so tags form a tree and never a cycle.
/// </para>
/// </remarks>
[DebuggerDisplay("{Name,nq}")]
public sealed class MemoryTag : IDisposable
{
    private readonly TagAccount _account;
    private readonly SoftLimitNotifier _notifier;

    /// <summary>Creates a tag.</summary>
    /// <param name="name">The name, for people and metrics; it need not be unique.</param>
    /// <param name="parent">The tag that counts these bytes too; null for none.</param>
    /// <param name="softBytes">The soft limit on live bytes, from 0 to <paramref name="hardBytes"/>; 0 for
    /// none.</param>
    /// <param name="hardBytes">The hard limit on live bytes, from 0; 0 for none. It refuses this tag and the tags below
    /// it, and nobody else.</param>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A limit is negative.</exception>
    /// <exception cref="ArgumentException"><paramref name="softBytes"/> exceeds <paramref name="hardBytes"/>, which is
    /// not 0.</exception>
    /// <exception cref="ObjectDisposedException"><paramref name="parent"/> has been disposed.</exception>
    public MemoryTag(string name, MemoryTag? parent = null, long softBytes = 0, long hardBytes = 0)
    {
        Argument.RequireNotNull(name);
        RequireLimits(softBytes, hardBytes);
        Argument.RequireAlive(parent is not { _account.IsClosed: true }, typeof(MemoryTag));
        Name = name;
        Parent = parent;
        _notifier = new SoftLimitNotifier(this);
        HeapBudget budget = new(softBytes, hardBytes);
        _account = new TagAccount(this, parent?._account, budget);
        budget.Notify = new TagNotice(_account).Tell;
    }

    /// <summary>
    /// Raised once when the live bytes exceed the soft limit, and again only after they have fallen below 90 % of the
    /// limit meanwhile, or after <see cref="SetLimits"/>. The sender is this tag. The heaps that the tag is used with
    /// then return their unused memory of tagged blocks.
    /// </summary>
    /// <remarks>A handler runs on a thread of the pool, under no lock: it may allocate, free and wait. A handler's
    /// exception is kept for <see cref="LastCallbackFailure"/> and does nothing else. Adding and removing is
    /// thread-safe.</remarks>
    public event EventHandler<SoftLimitEventArgs>? SoftLimitExceeded
    {
        add => _notifier.Handlers += value;
        remove => _notifier.Handlers -= value;
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>The tag that counts this tag's bytes too; null if there is none.</summary>
    public MemoryTag? Parent { get; }

    /// <summary>
    /// The bytes of the live blocks of this tag and the tags below it. Exact while no other thread allocates or frees
    /// such blocks, and recent otherwise. Without limits, reading takes time in proportion to the tags below and the
    /// threads that used them.
    /// </summary>
    public long LiveBytes => _account.LiveBytes;

    /// <summary>The largest value of <see cref="LiveBytes"/> so far. With a limit it is exact, except
    /// that it may contain a request of another thread that the heap was about to refuse; otherwise it is exact to
    /// 64 KiB for each thread, and tag below, that used the memory at that time.</summary>
    public long PeakBytes => _account.PeakBytes;

    /// <summary>The number of requests of this tag and the tags below it that a hard limit of this tag or of one of its
    /// parents has refused. Each tag from the one that was asked to the one with the limit counts a refusal.</summary>
    public long RefusedCount => _account.RefusedCount;

    /// <summary>The soft limit in bytes; 0 for none.</summary>
    public long SoftBytes => _account.Budget.SoftBytes;

    /// <summary>The hard limit in bytes; 0 for none.</summary>
    public long HardBytes => _account.Budget.HardBytes;

    /// <summary>The number of calls of handlers of <see cref="SoftLimitExceeded"/> that ended with an exception.
    /// </summary>
    public long FailedCallbacks => _notifier.FailedCalls;

    /// <summary>The exception of the last of the <see cref="FailedCallbacks"/>; null if none has failed.</summary>
    public Exception? LastCallbackFailure => _notifier.LastFailure;

    internal TagAccount Account => _account;

    internal SoftLimitNotifier Notifier => _notifier;

    /// <summary>Replaces the limits, also while other threads allocate: a call that has begun may use the old ones.
    /// Live blocks stay valid; a hard limit below what is live refuses every request until enough was freed.</summary>
    /// <param name="softBytes">The soft limit in bytes, as for the constructor.</param>
    /// <param name="hardBytes">The hard limit in bytes, as for the constructor.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit is negative.</exception>
    /// <exception cref="ArgumentException"><paramref name="softBytes"/> exceeds <paramref name="hardBytes"/>, which is
    /// not 0.</exception>
    /// <exception cref="InvalidOperationException">The tag was created without a limit, and so were its parents: it
    /// does not count each call. Create it with a hard limit of <see cref="long.MaxValue"/>.</exception>
    /// <exception cref="ObjectDisposedException">The tag has been disposed.</exception>
    public void SetLimits(long softBytes, long hardBytes)
    {
        RequireLimits(softBytes, hardBytes);
        Argument.RequireAlive(!_account.IsClosed, typeof(MemoryTag));
        if (!_account.IsLimited)
        {
            throw new InvalidOperationException(
                $"The tag '{_account.Path}' was created without a limit, and does not count each call. Create it " +
                "with a hard limit of long.MaxValue to set limits later.");
        }

        _account.Budget.SetLimits(softBytes, hardBytes);
        _account.Budget.TellIfAbove();
    }

    /// <summary>
    /// Ends the tag: its allocators refuse to allocate from now on, with an <see cref="ObjectDisposedException"/>. No
    /// call of theirs that allocates may be in progress. Live blocks stay valid, count on until they are freed, and can
    /// be freed and resized as before. Tags below it go on, and its limits hold for them. A second call does nothing.
    /// </summary>
    /// <remarks>A tag that is dropped undisposed costs memory until its blocks are freed and the collector has found it
    /// unused.</remarks>
    public void Dispose() => _account.Close();

    /// <summary>Returns the names of the tag and its parents, outermost first, with slashes between them.</summary>
    /// <returns>The path, such as <c>service/cache</c>.</returns>
    public override string ToString() => _account.Path;

    private static void RequireLimits(long softBytes, long hardBytes)
    {
        Argument.RequireNotNegative(softBytes);
        Argument.RequireNotNegative(hardBytes);
        if (hardBytes > 0 && softBytes > hardBytes)
        {
            throw new ArgumentException(
                $"The soft limit, {softBytes} bytes, exceeds the hard limit, {hardBytes} bytes.", nameof(softBytes));
        }
    }
}
