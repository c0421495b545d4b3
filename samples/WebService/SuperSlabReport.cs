using System.Collections.Generic;

namespace Hakmem.WebService;

// A SuperSlab of the map; the lists have an element for each of its 32 units.
internal sealed record SuperSlabReport(
    string Address,
    string Kind,
    int RunLength,
    long DirtyBytes,
    IReadOnlyList<int> UnitKinds,
    IReadOnlyList<bool> IsFirst,
    IReadOnlyList<int> BlockBytes,
    IReadOnlyList<int> BlockCounts,
    IReadOnlyList<int> BlocksOut);
