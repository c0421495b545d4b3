using System;

namespace Hakmem;

/// <summary>One SuperSlab (2 MiB) at the moment of a <see cref="HakmemHeapMap"/>.</summary>
/// <param name="Address">Its first byte; a multiple of 2 MiB.</param>
/// <param name="Kind">What the heap uses it for.</param>
/// <param name="RunLength">How many SuperSlabs the large run has that begins here; zero where none begins.</param>
/// <param name="DirtyBytes">How many of its bytes may hold physical pages: 0 to 2 MiB, a multiple of 64 KiB.</param>
/// <param name="Units">Its 32 units, in order of address.</param>
public readonly record struct SuperSlabInfo(
    nuint Address, SuperSlabKind Kind, int RunLength, long DirtyBytes, ReadOnlyMemory<UnitInfo> Units);
