using System;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Profiling;

namespace Hakmem.Guarded;

// The record of one guarded block, out of band, from its allocation until its range is given back. The span header of the range's first
// unit leads here, which is how a fault in the range finds its text.
//
// Written by the thread that allocates or frees the block; State, the links and what they stand for under GuardedBlocks' lock. A handler
// of faults reads Text without it.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GuardedBlock
{
    private const int TextBytes = 160;

    // First, so that a pointer to the record is one to this.
    public FaultText Text;

    // The block.
    public nuint Address;
    public nuint Bytes;

    // Its range: a run of units of one SuperSlab, or of whole SuperSlabs.
    public byte* Range;
    public nuint RangeBytes;
    public nuint DataBegin;
    public nuint DataEnd;
    public bool IsSlabRun;

    // Whether the guard pages are in place, and whether the whole range has been made inaccessible after the free.
    public bool IsGuarded;
    public bool IsSealed;

    public GuardedState State;
    public int AllocationThread;
    public int AllocationStack;
    public int FreeThread;
    public int FreeStack;

    // All records of a heap, and those in its quarantine from the oldest on.
    public GuardedBlock* Next;
    public GuardedBlock* Previous;
    public GuardedBlock* NextFreed;

    private fixed byte _blockText[TextBytes];
    private fixed byte _endText[TextBytes];

    public readonly BlockHistory History => new(Address, Bytes, AllocationThread, AllocationStack, FreeThread, FreeStack);

    // Composes what a fault at the live block is reported with.
    public static void DescribeAllocation(GuardedBlock* block)
    {
        StackTable stacks = StackTable.Instance;
        Span<byte> text = new(block->_blockText, TextBytes);
        int length = Utf8Text.Write(
            string.Create(
                CultureInfo.InvariantCulture,
                $"in the range of the guarded block of {block->Bytes} bytes at 0x{block->Address:x}\nallocated by thread {block->AllocationThread}:\n"),
            text);
        block->Text.Block = block->_blockText;
        block->Text.AllocationStack = stacks.TextOf(block->AllocationStack, out int stackBytes);
        block->Text.AllocationStackBytes = (nuint)stackBytes;
        SetEnd(block, "not freed: an access beyond the block's ends\n"u8);
        Volatile.Write(ref block->Text.BlockBytes, (nuint)length);
    }

    // Composes what a fault at the freed block is reported with. Called before the range is made inaccessible.
    public static void DescribeFree(GuardedBlock* block)
    {
        Span<byte> text = stackalloc byte[TextBytes];
        int length = Utf8Text.Write(string.Create(CultureInfo.InvariantCulture, $"a use after free: freed by thread {block->FreeThread}:\n"), text);
        SetEnd(block, text[..length]);
        block->Text.FreeStack = StackTable.Instance.TextOf(block->FreeStack, out int stackBytes);
        Volatile.Write(ref block->Text.FreeStackBytes, (nuint)stackBytes);
    }

    private static void SetEnd(GuardedBlock* block, ReadOnlySpan<byte> text)
    {
        Volatile.Write(ref block->Text.EndBytes, (nuint)0);
        text.CopyTo(new Span<byte>(block->_endText, TextBytes));
        block->Text.End = block->_endText;
        Volatile.Write(ref block->Text.EndBytes, (nuint)text.Length);
    }
}
