using System;
using System.Runtime.ExceptionServices;
using System.Threading;

namespace Hakmem.Os;

// Calls parts of the framework that may wait for a lock of theirs, on a thread that is mostly the program's, inside an
// allocation or a free. A contended lock of the framework asks the thread's SynchronizationContext to wait, which runs
// code of the program, and throws ThreadInterruptedException. So the thread has no SynchronizationContext during the
// call; after an interrupt the call is repeated, and the interrupt is made pending again.
//
// Called under no lock, since an exception inside runs the program's FirstChanceException handlers.
//
// What is called is given by a static method's address, and not by a delegate: that would be an object that a static
// initializer makes. Where managed memory is out in one of these, the runtime has every later use of the class throw.
//
// What it is given is a class or a struct of this library, such as CallState, and no tuple: the package's images have
// no code over the framework's generic structs, so the first call would wait for the JIT compiler.
internal static unsafe class FrameworkCall
{
    // An interrupt ends one try, and there is seldom more than one; a thread gives up after so many.
    private const int MaxTries = 8;

    // Returns the exception that ended the last try, or null. A call may begin several times.
    public static Exception? Try<T>(ref T state, delegate*<ref T, void> call)
    {
        SynchronizationContext? context = SynchronizationContext.Current;
        if (context is not null)
        {
            SynchronizationContext.SetSynchronizationContext(null);
        }

        bool wasInterrupted = false;
        Exception? failure = TryOnce(ref state, call);
        for (int tries = 1; failure is ThreadInterruptedException && tries < MaxTries; tries++)
        {
            wasInterrupted = true;
            failure = TryOnce(ref state, call);
        }

        if (context is not null)
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }

        if (wasInterrupted || failure is ThreadInterruptedException)
        {
            // For the caller's own next wait.
            Thread.CurrentThread.Interrupt();
        }

        return failure;
    }

    // The same for a caller that can do without the result. Returns false if managed memory is out, or interrupts ended
    // every try; throws any other exception.
    public static bool IsDone<T>(ref T state, delegate*<ref T, void> call)
    {
        Exception? failure = Try(ref state, call);
        if (failure is not (null or OutOfMemoryException or ThreadInterruptedException))
        {
            ExceptionDispatchInfo.Capture(failure).Throw();
        }

        return failure is null;
    }

    private static Exception? TryOnce<T>(ref T state, delegate*<ref T, void> call)
    {
        try
        {
            call(ref state);
            return null;
        }
        catch (Exception failure)
        {
            return failure;
        }
    }
}

// What a FrameworkCall is made on, and its argument or result.
internal struct CallState<TTarget, TValue>(TTarget target, TValue value)
{
    public readonly TTarget Target = target;

    public TValue Value = value;
}
