using System.Runtime.InteropServices;

namespace Hakmem.Os;

// The tables of an arena (which is never released) from which a fault handler finds the guarded block of an address.
internal readonly unsafe struct FaultMap
{
    public required byte* ArenaBase { get; init; }

    public required nuint ArenaBytes { get; init; }

    // An entry for every unit of addresses, inside the arena or not. Always readable.
    public required void* PageMap { get; init; }

    // A record for each of the arena's units. Readable for the units of guarded blocks.
    public required void* SpanHeaders { get; init; }
}

// The text that a fault handler prints about a block, in the form of one system call: four of the kernel's iovec. A
// handler reads it at any moment, so the length of a new text is written last, and texts do not move.
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
