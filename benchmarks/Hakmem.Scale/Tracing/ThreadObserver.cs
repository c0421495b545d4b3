using System;
using Hakmem.Os;

namespace Hakmem.Scale.Tracing;

/// <summary>
/// What one thread does to the locks and the shared words of the library. The library's methods tell the observer of
/// the thread that calls them, if it has one; a thread without an observer pays a thread-static read for each lock.
/// </summary>
internal abstract class ThreadObserver
{
    /// <summary>The calling thread's observer, or null.</summary>
    [ThreadStatic]
    private static ThreadObserver? t_current;

    /// <summary>The calling thread's observer, or null.</summary>
    public static ThreadObserver? Current
    {
        get => t_current;
        set => t_current = value;
    }

    /// <summary>The thread finds a lock held and waits for it.</summary>
    public abstract void OnWaiting();

    /// <summary>The thread has entered a lock.</summary>
    public abstract void OnEntered(UninterruptibleLock entered);

    /// <summary>The thread is about to exit a lock.</summary>
    public abstract void OnExiting(UninterruptibleLock exited);

    /// <summary>The thread has closed a cache's gate.</summary>
    public abstract void OnGateClosed();

    /// <summary>The thread is about to change a word that threads share, by an interlocked operation.</summary>
    /// <param name="owner">The object that has the word.</param>
    public abstract void OnSharedWord(object owner);

    /// <summary>The thread is about to read, under no lock, what other threads write under a lock.</summary>
    /// <param name="guardedBy">That lock.</param>
    public abstract void OnSeeing(UninterruptibleLock guardedBy);
}
