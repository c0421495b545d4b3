namespace Hakmem.Regions;

// The record of a block that a region has from its heap: a chunk, or a large request's own block. It is managed and
// apart from the memory, so that a write out of bounds cannot damage it. A region uses the records of freed blocks
// again, so that it makes no garbage from one Reset to the next.
internal sealed unsafe class RegionChunk
{
    public byte* Start { get; set; }

    // The number of bytes that the region requested, a multiple of 16.
    public nuint Bytes { get; set; }

    // The next record of the list that this one is in.
    public RegionChunk? Next { get; set; }
}
