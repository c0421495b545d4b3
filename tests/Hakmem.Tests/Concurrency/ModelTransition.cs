namespace Hakmem.Tests.Concurrency;

// One way to go on: a thread's next step with one of its possible outcomes, or a pending process-wide barrier reaching a thread.
internal readonly record struct ModelTransition(int Thread, int Choice)
{
    public const int ReachedByBarrier = -1;
}
