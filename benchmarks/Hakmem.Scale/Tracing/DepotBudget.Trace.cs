using System.Collections.Concurrent;
using Hakmem.Scale.Tracing;

namespace Hakmem.Small;

internal sealed partial class DepotBudget
{
    // One object for each cell, as if it were a lock.
    private readonly ConcurrentDictionary<int, DepotBudgetCell> _tracedCells = new();

    partial void OnAdding(int place) =>
        ThreadObserver.Current?.OnSharedWord(_tracedCells.GetOrAdd(place, _ => new DepotBudgetCell()));

    private sealed class DepotBudgetCell;
}
