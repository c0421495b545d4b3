using System;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Os;

namespace Hakmem;

// Those that wait until a heap has room, in order of arrival: the first tries before all others. Unlike a pool's
// rentals (RentalQueue) each tries by itself, in its own flow, since what it resizes is not thread-safe.
//
// Whoever waits is woken to try when it becomes the first; then whenever a block of an owner of this library returns to
// the heap, or the heap's limits change (Signal); and by the timer. No thread waits. The timer sees timeouts, and those
// in line whose owner is gone.
//
// Thread-safe. The lock guards the list, and nothing is allocated or thrown under it.
internal sealed class RoomQueue
{
    private readonly UninterruptibleLock _lock = new();

    // Guarded by the lock; the first one is read without it too.
    private WaitList<Turn> _turns;

    // Refers to the queue only while there are any.
    private readonly PollTimer _timer;

    public RoomQueue() => _timer = new PollTimer(Poll, () => IsAnyWaiting, null);

    // By a plain read.
    public bool IsAnyWaiting => !_turns.IsEmpty;

    // Waits until it is this caller's turn and tryTake returns true. False if the time is over before; throws what
    // tryTake throws, and OperationCanceledException. isGone: whether tryTake can only throw, in line too; called on
    // any thread. timeoutMs: -1 for none.
    public Task<bool> WaitAsync(
        Func<bool> tryTake, Func<bool> isGone, int timeoutMs, CancellationToken cancellation)
    {
        return WaitAsync(tryTake, isGone, Same, timeoutMs, cancellation);

        static bool Same(bool isTaken) => isTaken;
    }

    // The same for a caller that makes something else of the result. An async method around this one would have to be
    // allocated too, after this one waits in line.
    public Task<T> WaitAsync<T>(
        Func<bool> tryTake, Func<bool> isGone, Func<bool, T> finish, int timeoutMs, CancellationToken cancellation)
    {
        Turn turn = new(isGone, timeoutMs, cancellation);
        Join(turn);
        Task<T>? wait = null;
        try
        {
            wait = WaitInLineAsync(turn, tryTake, finish, cancellation);
            return wait;
        }
        finally
        {
            // An async method without managed memory for its first await ends, and no finally block of it runs.
            if (wait is null || wait.IsCompleted)
            {
                Leave(turn);
            }
        }
    }

    // Has the first try. A second in line follows when the first has got what it wants.
    public void Signal() => _turns.First?.Wake();

#if DEBUG && NET
    [System.Runtime.CompilerServices.AsyncMethodBuilder(typeof(RefusableTaskBuilder<>))]
#endif
    private async Task<T> WaitInLineAsync<T>(
        Turn turn, Func<bool> tryTake, Func<bool, T> finish, CancellationToken cancellation)
    {
        try
        {
            if (!_timer.TryUpdate() || !TryRegister(turn))
            {
                throw new OutOfMemoryException("Hakmem could not start to wait for memory.");
            }

            while (true)
            {
                // A wake from here on is not lost.
                Task<bool> woken = turn.Arm();
                cancellation.ThrowIfCancellationRequested();
                if ((_turns.First == turn || turn.IsGone) && tryTake())
                {
                    return finish(true);
                }

                if (turn.IsOver)
                {
                    return finish(false);
                }

                await woken.ConfigureAwait(false);
            }
        }
        finally
        {
            Leave(turn);
        }
    }

    private static unsafe bool TryRegister(Turn turn)
    {
        return FrameworkCall.IsDone(ref turn, &Register);

        static void Register(ref Turn turn) =>
            turn.Registration = turn.Cancellation.Register(Wake, turn, useSynchronizationContext: false);

        static void Wake(object? turn) => ((Turn)turn!).Wake();
    }

    private static unsafe void Unregister(Turn turn)
    {
        FrameworkCall.IsDone(ref turn, &End);

        static void End(ref Turn turn) => turn.Registration.Dispose();
    }

    private void Poll()
    {
        Signal();
        for (Turn? turn = _turns.First; turn is not null; turn = NextOf(turn))
        {
            if (turn.IsOver || turn.IsGone)
            {
                turn.Wake();
            }
        }
    }

    private Turn? NextOf(Turn turn)
    {
        using (_lock.Enter())
        {
            return turn.Next;
        }
    }

    private void Join(Turn turn)
    {
        using (_lock.Enter())
        {
            _turns.Append(turn);
            turn.IsInLine = true;
        }
    }

    // A second call does nothing.
    private void Leave(Turn turn)
    {
        using (_lock.Enter())
        {
            if (!turn.IsInLine)
            {
                return;
            }

            turn.IsInLine = false;
            _turns.Remove(turn);
        }

        try
        {
            Signal();
        }
        catch (OutOfMemoryException)
        {
            // The timer wakes the next.
        }

        _ = _timer.TryUpdate();
        Unregister(turn);
    }

    // One that waits. Only its own flow calls Arm, and one wake after it ends the task.
    private sealed class Turn(Func<bool> isGone, int timeoutMs, CancellationToken cancellation) : IWaiting<Turn>
    {
        private readonly long _endsMs = timeoutMs < 0 ? long.MaxValue : Environment.TickCount64 + timeoutMs;

        private TaskCompletionSource<bool> _wake = NewWake();

        // Guarded by the queue's lock.
        public Turn? Next { get; set; }

        public Turn? Previous { get; set; }

        public bool IsInLine { get; set; }

        public CancellationToken Cancellation { get; } = cancellation;

        // Set by the turn's own flow when it begins, and disposed where it leaves the line.
        public CancellationTokenRegistration Registration { get; set; }

        public bool IsGone => isGone();

        public bool IsOver => Environment.TickCount64 >= _endsMs;

        public Task<bool> Arm()
        {
            if (_wake.Task.IsCompleted)
            {
                // A full fence: whoever makes this the first after the caller has looked wakes the new one.
                Interlocked.Exchange(ref _wake, NewWake());
            }

            return _wake.Task;
        }

        public void Wake() => Volatile.Read(ref _wake).TrySetResult(true);

        private static TaskCompletionSource<bool> NewWake() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
