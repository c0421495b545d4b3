using System;
using System.Buffers;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Os;

namespace Hakmem;

// The rentals of a pool that wait for room, in the order of their arrival: the first is tried before all others,
// however little they need, so that none waits for ever. See NativeMemoryPool<T>.RentAsync.
//
// Who tries the first: each return to the pool, a rental that arrives, or one that no longer waits, and a timer while
// there are any, since memory also comes back from elsewhere. One thread tries at a time; a thread that comes meanwhile
// has it try once more (_tries). No thread waits.
//
// A rental ends once: by a buffer, its timeout, its cancellation, or an error. Whoever changes its state from waiting
// completes it, and a buffer for one that has ended meanwhile goes to the next. Its task completes on the pool, and
// before anything is called that may throw: a timer and a registration that stay find that the rental has ended.
//
// To tell a task of anything but a buffer the framework needs managed memory. Where that is out, the rental has ended
// and has left the line, and whoever tries next, or the timer, tells the task (_untold).
//
// The lock guards the lists, and nothing is allocated or thrown under it.
internal sealed class RentalQueue<T>(PoolCore<T> core)
{
    private readonly UninterruptibleLock _lock = new();

    // Guarded by the lock.
    private WaitList<Waiter> _waiters;

    // Those that have ended, and whose tasks were not told for lack of managed memory. Guarded by the lock; the first
    // is read without it too. Taken by the thread that makes the tries.
    private WaitList<Waiter> _untold;

    // Refers to the queue, and through it to the pool, only while rentals wait.
    private PollTimer? _timer;

    // How many tries are wanted; the thread that raises it from zero makes them all. Interlocked.
    private int _tries;

    // Whether any rental waits, by a plain read: a stale false is that of a rental which tries by itself after it has
    // joined the list.
    public bool IsAnyWaiting => !_waiters.IsEmpty;

    // For tests: called before each call of the framework that may throw.
    public Action? OnFrameworkCall { get; set; }

    // Adds a rental. timeoutMs: -1 for none; with 0 it has ended when this returns. stack: of the caller of the
    // pool, if it captures stacks.
    public Task<IMemoryOwner<T>> Wait(int length, int timeoutMs, StackTrace? stack, CancellationToken cancellation)
    {
        Waiter waiter = new(this, length, stack);
        PollTimer timer = GetTimer();
        using (_lock.Enter())
        {
            _waiters.Append(waiter);
        }

        try
        {
            if (!timer.TryUpdate())
            {
                throw new OutOfMemoryException("The pool could not start the timer of the rentals that wait.");
            }

            waiter.Begin(timeoutMs, cancellation);
        }
        catch (Exception failure)
        {
            // It must not stay in the list without an end. If it has ended already, the caller has what it was given.
            waiter.TryFail(failure);
        }

        TryAll();
        if (timeoutMs == 0)
        {
            // No timer: its thread would come some milliseconds later.
            waiter.OnTimeout();
        }

        return waiter.Task;
    }

    // Serves the rentals for which there is room. Where managed memory is out, the timer tries again.
    public void TryAll()
    {
        if (Interlocked.Increment(ref _tries) != 1)
        {
            return;
        }

        int seen = 0;
        try
        {
            do
            {
                seen = Volatile.Read(ref _tries);
                TellUntold();
                bool isServed;
                do
                {
                    isServed = TryFirst();
                }
                while (isServed);
            }
            while (Interlocked.CompareExchange(ref _tries, 0, seen) != seen);

            seen = 0;
        }
        catch (OutOfMemoryException)
        {
            // For the rental that was tried, which is not the caller's: whoever frees a buffer, or waits too, must not
            // get it, and on the timer it would end the process.
        }
        finally
        {
            if (seen != 0)
            {
                Volatile.Write(ref _tries, 0);
            }
        }
    }

    // Ends all rentals, because the pool is disposed.
    public void End(Exception reason)
    {
        while (GetFirst() is { } waiter)
        {
            waiter.TryFail(reason);
        }
    }

    // Whether the first rental has ended.
    private bool TryFirst()
    {
        Waiter? waiter = GetFirst();
        if (waiter is null)
        {
            return false;
        }

        bool hasBegun = core.TryBeginTry();
        try
        {
            if (core.IsHeapKnownGone())
            {
                // Asked before the pool's cap, which may have no room for ever.
                waiter.TryFail(core.HeapGoneError());
                return true;
            }

            if (!hasBegun)
            {
                return false;
            }

            IMemoryOwner<T>? owner = core.TryRent(waiter.Length, waiter.Stack, out bool isHeapFull);
            waiter.IsHeapFull = isHeapFull;
            if (owner is not null && !waiter.TryComplete(owner))
            {
                owner.Dispose();
            }

            return owner is not null;
        }
        catch (OutOfMemoryException)
        {
            // There is no managed memory for an owner now.
            return false;
        }
        catch (Exception failure)
        {
            waiter.TryFail(failure);
            return true;
        }
        finally
        {
            if (hasBegun)
            {
                core.EndTry();
            }
        }
    }

    private Waiter? GetFirst()
    {
        using (_lock.Enter())
        {
            return _waiters.First;
        }
    }

    private void CountRefusal(Waiter waiter)
    {
        try
        {
            core.CountRefusal(waiter.Length, waiter.IsHeapFull);
        }
        catch (Exception failure) when (failure is ObjectDisposedException or OutOfMemoryException)
        {
            // The heap went meanwhile, and its counts with it; or there is no managed memory to tell listeners.
        }
    }

    private void TellUntold()
    {
        while (_untold.First is { } waiter && waiter.TryTell())
        {
            using (_lock.Enter())
            {
                _untold.Remove(waiter);
            }
        }
    }

    private void TellLater(Waiter waiter)
    {
        using (_lock.Enter())
        {
            _untold.Append(waiter);
        }
    }

    private void Remove(Waiter waiter)
    {
        using (_lock.Enter())
        {
            _waiters.Remove(waiter);
        }
    }

    private PollTimer GetTimer()
    {
        if (Volatile.Read(ref _timer) is { } timer)
        {
            return timer;
        }

        PollTimer made = new(TryAll, () => IsAnyWaiting || !_untold.IsEmpty, () => OnFrameworkCall?.Invoke());
        timer = Interlocked.CompareExchange(ref _timer, made, null);
        if (timer is not null)
        {
            made.End();
        }

        return timer ?? made;
    }

    // One rental that waits.
    private sealed class Waiter(RentalQueue<T> queue, int length, StackTrace? stack)
        : TaskCompletionSource<IMemoryOwner<T>>(TaskCreationOptions.RunContinuationsAsynchronously), IWaiting<Waiter>
    {
        // What the framework allocates to complete a task with an exception.
        private const int TellingBytes = 512;

        // 1 once it has ended. Interlocked.
        private int _hasEnded;

        // How, if not by a buffer: by this exception, by its timeout, or else by its cancellation. Written by whoever
        // has ended it, before the task is told.
        private Exception? _failure;
        private bool _isTimedOut;

        // Set by Begin, and disposed by Begin or by whoever ends the rental, whichever comes last.
        private Timer? _timeout;
        private CancellationTokenRegistration _registration;
        private CancellationToken _cancellation;
        private int _steps;

        public int Length => length;

        public StackTrace? Stack => stack;

        // Whether the heap, and not the pool's cap, left no room at the last try. Written by the thread that tries.
        public bool IsHeapFull { get; set; }

        // Guarded by the queue's lock.
        public Waiter? Next { get; set; }

        public Waiter? Previous { get; set; }

        public unsafe void Begin(int timeoutMs, CancellationToken cancellation)
        {
            _cancellation = cancellation;
            CallState<Waiter, int> call = new(this, timeoutMs);
            Exception? failure = FrameworkCall.Try(ref call, &Register);
            FinishStep();
            if (failure is not null)
            {
                ExceptionDispatchInfo.Capture(failure).Throw();
            }

            static void Register(ref CallState<Waiter, int> call) => call.Target.Register(call.Value);
        }

        // May be called again after an exception.
        private void Register(int timeoutMs)
        {
            queue.OnFrameworkCall?.Invoke();
            if (timeoutMs > 0 && _timeout is null)
            {
                _timeout = PollTimer.Create(OnTimeout, this, timeoutMs);
            }

            if (_cancellation.CanBeCanceled)
            {
                _registration = _cancellation.Register(Cancel, this, useSynchronizationContext: false);
            }

            static void OnTimeout(object? waiter) => ((Waiter)waiter!).OnTimeout();

            static void Cancel(object? waiter) => ((Waiter)waiter!).Cancel();
        }

        public bool TryComplete(IMemoryOwner<T> owner)
        {
            bool isMine = TryEnd();
            if (isMine)
            {
                try
                {
                    TrySetResult(owner);
                }
                finally
                {
                    CleanUp();
                }
            }

            return isMine;
        }

        public bool TryFail(Exception failure)
        {
            bool isMine = TryEnd();
            if (isMine)
            {
                _failure = failure;
                Tell();
            }

            return isMine;
        }

        // Tells the task how the rental has ended. False if there is no managed memory for that. The framework cannot
        // be asked again once it has begun to complete a task, so memory is asked for first.
        public bool TryTell()
        {
            try
            {
                queue.OnFrameworkCall?.Invoke();
                GC.KeepAlive(new byte[TellingBytes]);
                Exception? failure = _isTimedOut
                    ? new TimeoutException($"The pool had no room for a buffer of {length} elements in time.")
                    : _failure;
                _ = failure is null ? TrySetCanceled(_cancellation) : TrySetException(failure);
                return true;
            }
            catch (OutOfMemoryException)
            {
                return Task.IsCompleted;
            }
        }

        // Mostly on the timer's thread, where an exception ends the process.
        public void OnTimeout()
        {
            if (TryEnd())
            {
                _isTimedOut = true;
                queue.CountRefusal(this);
                Tell();
                queue.TryAll();
            }
        }

        private void Cancel()
        {
            if (TryEnd())
            {
                Tell();
                queue.TryAll();
            }
        }

        // Of whoever has ended it.
        private void Tell()
        {
            if (!TryTell())
            {
                queue.TellLater(this);
            }

            CleanUp();
        }

        private bool TryEnd()
        {
            if (Interlocked.Exchange(ref _hasEnded, 1) != 0)
            {
                return false;
            }

            queue.Remove(this);
            return true;
        }

        private void CleanUp()
        {
            _ = queue._timer?.TryUpdate();
            FinishStep();
        }

        // The second of the two steps, beginning and ending, releases what they used.
        private unsafe void FinishStep()
        {
            if (Interlocked.Increment(ref _steps) == 2)
            {
                Waiter waiter = this;
                FrameworkCall.IsDone(ref waiter, &Unregister);
            }

            static void Unregister(ref Waiter waiter) => waiter.Unregister();
        }

        // May be called again after an exception.
        private void Unregister()
        {
            queue.OnFrameworkCall?.Invoke();
            _timeout?.Dispose();
            _registration.Dispose();
        }
    }
}
