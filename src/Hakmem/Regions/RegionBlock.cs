using System.Runtime.InteropServices;

namespace Hakmem.Regions;

// In front of each block of a RegionAllocator. Check comes first: a write beyond the block before it damages that, and
// the block is refused, before it damages the size.
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct RegionBlock
{
    public long Check;
    public nuint Bytes;
}
