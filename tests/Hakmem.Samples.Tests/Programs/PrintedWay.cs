namespace Hakmem.Samples.Tests.Programs;

// A row of a printed comparison.
internal sealed record PrintedWay(string Name, long Ms, int Collections, double PauseMs, long AllocatedKiB);
