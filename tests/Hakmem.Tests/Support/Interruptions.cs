using System;
using System.Threading;

namespace Hakmem.Tests.Support;

// One thread that is interrupted again and again, each time once it has noticed the interrupt before, in a wait of its
// own.
internal sealed class Interruptions
{
    private readonly Lock _lock = new();

    // Guarded by _lock.
    private Thread? _victim;
    private int _taken;
    private bool _isOver;

    public int Taken => Volatile.Read(ref _taken);

    public void RunVictim(Action body)
    {
        SetVictim();
        try
        {
            body();
        }
        finally
        {
            // Under the lock no interrupt is on its way, so the wait behind it takes the last one.
            EndInterrupts();
            TakeAtWait();
        }
    }

    public void TakeAtWait()
    {
        try
        {
            Thread.Sleep(1);
        }
        catch (ThreadInterruptedException)
        {
            Interlocked.Increment(ref _taken);
        }
    }

    public void Interrupt()
    {
        while (!Volatile.Read(ref _isOver))
        {
            int before = Taken;
            bool isOnItsWay = TryInterrupt();
            do
            {
                Thread.Yield();
            }
            while (isOnItsWay && Taken == before && !Volatile.Read(ref _isOver));
        }
    }

    private void SetVictim()
    {
        lock (_lock)
        {
            _victim = Thread.CurrentThread;
        }
    }

    // False if the thread has not come yet, or has gone.
    private bool TryInterrupt()
    {
        lock (_lock)
        {
            _victim?.Interrupt();
            return _victim is not null;
        }
    }

    private void EndInterrupts()
    {
        bool isEnded = false;
        while (!isEnded)
        {
            try
            {
                lock (_lock)
                {
                    _victim = null;
                    Volatile.Write(ref _isOver, true);
                    isEnded = true;
                }
            }
            catch (ThreadInterruptedException)
            {
                // Taken while waiting for the lock.
                Interlocked.Increment(ref _taken);
            }
        }
    }
}
