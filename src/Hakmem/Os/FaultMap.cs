namespace Hakmem.Os;

// How a fault handler finds a guarded block from an address, by loads alone: the tables of an arena that lives as long as the process.
internal readonly unsafe struct FaultMap
{
    public required byte* ArenaBase { get; init; }

    public required nuint ArenaBytes { get; init; }

    // An entry for every unit of addresses, wherever it is: readable for good.
    public required void* PageMap { get; init; }

    // A record for each of the arena's units: readable where the page map says that a guarded block is.
    public required void* SpanHeaders { get; init; }
}
