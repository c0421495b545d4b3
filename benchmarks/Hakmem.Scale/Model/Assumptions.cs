namespace Hakmem.Scale.Model;

/// <summary>What the model takes as given, in nanoseconds.</summary>
internal sealed record Assumptions
{
    /// <summary>
    /// Until a processor has a cache line that another one wrote last, if what follows has to wait for it.
    /// </summary>
    public double TransferNanoseconds { get; init; } = 60;

    /// <summary>The same for one of many lines that are read or written one after the other, which overlap.</summary>
    public double StreamNanoseconds { get; init; } = 15;

    /// <summary>
    /// How many times longer than measured all code takes, because processors that share a core are busy.
    /// </summary>
    public double Slowdown { get; init; } = 1;

    /// <summary>
    /// Whether words that all threads change cost nothing: what the exchange would reach without them.
    /// </summary>
    public bool HasFreeWords { get; init; }

    /// <summary>The first wait between two looks at a held lock; each is twice the one before, up to 64
    /// times.</summary>
    public double SpinNanoseconds { get; init; } = 37;

    /// <summary>Until a thread that sleeps in the kernel runs after its lock was released.</summary>
    public double WakeNanoseconds { get; init; } = 10_000;
}
