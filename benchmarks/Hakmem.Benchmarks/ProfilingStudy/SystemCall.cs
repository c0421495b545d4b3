namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>One kind of system call, as often as the allocator made it.</summary>
/// <param name="Name">Its name in C.</param>
/// <param name="Count">How often.</param>
/// <param name="Milliseconds">Time in all of them together, the way there and back included.</param>
internal sealed record SystemCall(string Name, long Count, double Milliseconds);
