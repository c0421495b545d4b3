namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// A workload compiled for one subject. A call is complete in itself: it sets up, runs about <paramref name="operations"/>
/// operations, frees all it allocated, and leaves nothing to the next call.
/// </summary>
/// <param name="operations">How many operations to run.</param>
/// <returns>How many were run: some workloads can only do whole laps.</returns>
internal delegate long WorkloadBody(long operations);
