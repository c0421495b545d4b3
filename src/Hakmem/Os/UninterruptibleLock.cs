using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Os;

// The one lock of this library, as an object: `using (_lock.Enter()) { ... }`. WordLock has its rules.
//
// In a Debug build the lock records which thread holds it. Entering it twice then fails at once instead of waiting for
// ever, and AssertHeld and AssertNotHeld check what callers must hold. A Release build compiles none of these calls.
internal sealed partial class UninterruptibleLock
{
    // Changed by interlocked operations alone; see WordLock.
    private int _word;

    // In a Debug build the managed id of the thread that holds the lock, or 0; padding in Release. Written by that
    // thread, under the lock. Another thread may read a stale value, but never its own id.
    private int _ownerThread;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Scope Enter()
    {
        AssertNotHeld();
        WordLock.Enter(ref _word);
        SetOwner();
        OnEntered();
        return new Scope(this);
    }

    // Enters only if no wait is needed. After true the caller must call Exit.
    public bool TryEnter()
    {
        if (!WordLock.TryEnter(ref _word))
        {
            return false;
        }

        SetOwner();
        OnEntered();
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Exit()
    {
        OnExiting();
        ClearOwner();
        WordLock.Exit(ref _word);
    }

    // Whether a thread sleeps until it gets the lock, or did so a moment ago. For tests.
    public bool IsWaitedFor => WordLock.IsWaitedFor(ref _word);

    // Fails unless the calling thread holds the lock. A method that requires the lock calls this first.
    [Conditional("DEBUG")]
    public void AssertHeld()
    {
        Require(_ownerThread == Environment.CurrentManagedThreadId, "The lock is not held by this thread.");
    }

    // Fails if the calling thread holds the lock. A method that enters it further down calls this first.
    [Conditional("DEBUG")]
    public void AssertNotHeld()
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

    // A trace has bodies for them (see benchmarks/Hakmem.Scale); the library has none, and no call is compiled.
    partial void OnEntered();

    partial void OnExiting();

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new SynchronizationLockException(message);
        }
    }

    // Exits the lock when `using` disposes it.
    internal readonly ref struct Scope(UninterruptibleLock entered)
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Dispose() => entered.Exit();
    }
}
