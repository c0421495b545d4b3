using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Concurrency;

// The threads of a stress may begin in any order.
public sealed class InterruptionsTests
{
    private const int Enough = 3;

    // The thread that interrupts waited for ever that the other took an interrupt, which it had not sent.
    [Fact]
    public void AThreadThatComesLateIsInterrupted()
    {
        Interruptions interruptions = new();
        using ManualResetEventSlim hasBegun = new();
        Workers.Run(2, index =>
        {
            if (index == 0)
            {
                hasBegun.Set();
                interruptions.Interrupt();
                return;
            }

            hasBegun.Wait();
            Thread.Sleep(20);
            interruptions.RunVictim(() =>
            {
                while (interruptions.Taken < Enough)
                {
                    interruptions.TakeAtWait();
                }
            });
        });
        Assert.InRange(interruptions.Taken, Enough, int.MaxValue);
    }
}
