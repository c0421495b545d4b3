using Hakmem.Pages;

namespace Hakmem.Small;

// What the kinds of small blocks need of their heap. Written once, while the heap is made.
internal sealed class HeapParts
{
    public required Arena Arena { get; init; }

    public required int Slot { get; init; }

    public required SizeClassInfo[] Classes { get; init; }

    public required SuperSlabCache SuperSlabs { get; init; }

    public required DepotSet Depots { get; init; }

    public required DepotBudget DepotBudget { get; init; }

    public required CacheExchange Exchange { get; init; }

    public required ThreadCacheRegistry Registry { get; init; }

    // Null unless freed blocks wait before they may be handed out again.
    public required BlockQuarantine? Quarantine { get; init; }

    // Whether a table says which blocks are live, so that nothing else has to be asked.
    public required bool HasLiveTable { get; init; }
}
