using System.Runtime.InteropServices;

namespace Hakmem.Os;

// What a fault handler prints of a block, ready to be written by one system call: four of the kernel's iovec. A handler reads this at any
// moment, so each length is changed last when a text comes to be, and texts are not moved.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FaultText
{
    public const int Pieces = 4;

    public byte* Block;
    public nuint BlockBytes;

    public byte* AllocationStack;
    public nuint AllocationStackBytes;

    public byte* End;
    public nuint EndBytes;

    public byte* FreeStack;
    public nuint FreeStackBytes;
}
