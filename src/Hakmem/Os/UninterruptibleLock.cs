using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Os;

// The one lock of this library, as an object: `using (_lock.Enter()) { ... }`. See WordLock for what it promises and
// what it forbids.
//
// In a Debug build it knows which thread holds it: entering it twice fails at once instead of waiting for ever, and
// AssertHeld turns a comment that says "under the lock" into a check.
internal sealed class UninterruptibleLock
{
    // Changed by interlocked operations alone; see WordLock.
    private int _word;

    // In a Debug build the managed id of the thread that holds the lock, or 0; else unused. Written by that thread,
    // under the lock. Another thread may read a stale value, but never its own id.
    private int _ownerThread;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Scope Enter()
    {
        AssertNotHeld();
        WordLock.Enter(ref _word);
        SetOwner();
        return new Scope(this);
    }

    // Enters if that takes no waiting; then Exit is the caller's to call.
    public bool TryEnter()
    {
        if (!WordLock.TryEnter(ref _word))
        {
            return false;
        }

        SetOwner();
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Exit()
    {
        ClearOwner();
        WordLock.Exit(ref _word);
    }

    // Whether a thread sleeps until it gets the lock, or did so a moment ago. For tests.
    public bool IsWaitedFor => WordLock.IsWaitedFor(ref _word);

    [Conditional("DEBUG")]
    public void AssertHeld()
    {
        Require(_ownerThread == Environment.CurrentManagedThreadId, "The lock is not held by this thread.");
    }

    [Conditional("DEBUG")]
    private void AssertNotHeld()
    {
        Require(_ownerThread != Environment.CurrentManagedThreadId, "The lock is held by this thread already.");
    }

    [Conditional("DEBUG")]
    private void SetOwner()
    {
        _ownerThread = Environment.CurrentManagedThreadId;
    }

    [Conditional("DEBUG")]
    private void ClearOwner()
    {
        AssertHeld();
        _ownerThread = 0;
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new SynchronizationLockException(message);
        }
    }

    // What `using` leaves.
    internal readonly ref struct Scope(UninterruptibleLock entered)
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Dispose() => entered.Exit();
    }
}
