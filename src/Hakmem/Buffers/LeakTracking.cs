namespace Hakmem;

/// <summary>How a pool looks out for owners that were dropped without having been disposed.</summary>
public enum LeakTracking
{
    /// <summary>Not at all: a dropped owner's block stays rented, and nobody is told.</summary>
    Off,

    /// <summary>Each is counted and reported once the garbage collector has found it. Owners have finalizers, which makes them dearer to create and to collect.</summary>
    Count,

    /// <summary>The same, and the report has the stack that rented it. Every rental then captures a stack trace, which takes far longer than renting.</summary>
    Stacks,
}
