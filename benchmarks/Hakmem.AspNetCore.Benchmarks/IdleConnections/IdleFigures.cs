namespace Hakmem.AspNetCore.Benchmarks.IdleConnections;

/// <summary>What the server process says of itself when it is asked.</summary>
internal sealed record IdleFigures
{
    /// <summary>Bytes resident now.</summary>
    public required long ResidentBytes { get; init; }

    /// <summary>Bytes of the managed heap, garbage included.</summary>
    public required long ManagedHeapBytes { get; init; }

    /// <summary>Bytes of the pool's slabs; zero with the framework's pools.</summary>
    public required long PoolBytes { get; init; }

    /// <summary>Bytes of the pool's blocks that are rented; zero with the framework's pools.</summary>
    public required long RentedBytes { get; init; }

    /// <summary>Collections of the oldest generation so far.</summary>
    public required int FullCollections { get; init; }
}
