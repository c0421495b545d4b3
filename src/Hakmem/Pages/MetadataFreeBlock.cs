using System.Runtime.InteropServices;

namespace Hakmem.Pages;

// What lies at the start of a free block of MetadataAllocator: its place in the list of its size, and how many of its
// bytes were discarded.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MetadataFreeBlock
{
    public MetadataFreeBlock* Next;
    public MetadataFreeBlock* Previous;
    public int DiscardedBytes;
}
