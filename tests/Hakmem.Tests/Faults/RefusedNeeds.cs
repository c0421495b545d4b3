#if DEBUG
using System;
using System.Threading;
using Hakmem.Os;
using Xunit;

namespace Hakmem.Tests.Faults;

// Runs what may need managed memory with one of its needs refused, on a thread that has used nothing before.
internal static class RefusedNeeds
{
    private const int MostNeeds = 100;

    // Calls a step with 1, 2 and so on, until it finds that nothing was refused. Returns how often something was.
    public static int Sweep(Func<int, bool> step)
    {
        int n = 1;
        while (step(n))
        {
            n++;
            Assert.InRange(n, 1, MostNeeds);
        }

        return n - 1;
    }

    // Runs an action with its n-th need refused; whether there was one. isDone: whether it returned, and did not throw
    // an OutOfMemoryException. No other exception is allowed.
    public static bool Refuse(int n, Action action, out bool isDone)
    {
        bool hasReturned = false;
        int left = 0;
        Exception? failure = null;
        Thread thread = new(() =>
        {
            ManagedMemory.RefuseNth(n);
            try
            {
                action();
                hasReturned = true;
            }
            catch (OutOfMemoryException)
            {
                // What the need threw.
            }
            catch (Exception thrown)
            {
                failure = thrown;
            }

            left = ManagedMemory.RefuseNth(0);
        });
        thread.Start();
        thread.Join();
        Assert.Null(failure);
        isDone = hasReturned;
        return left == 0;
    }
}
#endif
