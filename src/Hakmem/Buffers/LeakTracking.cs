namespace Hakmem;

/// <summary>Whether a pool detects owners that are dropped without having been disposed.</summary>
public enum LeakTracking
{
    /// <summary>Not detected: the block of a dropped owner stays rented, and nothing reports it.</summary>
    Off,

    /// <summary>
    /// Each is counted and reported once the garbage collector has found it. Owners then have finalizers, which makes
    /// them slower to create and to collect.
    /// </summary>
    Count,

    /// <summary>
    /// Like <see cref="Count"/>, and the report has the stack that rented the buffer. Every rental then captures a
    /// stack trace, which takes far longer than the rental itself.
    /// </summary>
    Stacks,
}
