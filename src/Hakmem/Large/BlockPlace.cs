namespace Hakmem.Large;

// What was found at an address, asked about in one step: a block around or right behind it and where that begins, or
// why there is none.
internal readonly record struct BlockPlace(PlaceKind Kind, BlockInfo Block, nuint Begin);
