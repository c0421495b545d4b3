using System;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Profiling;

namespace Hakmem.Guarded;

// The record of one guarded block, out of band, from its allocation until its range is freed. The span header of the
// range's first unit points to it; a fault in the range finds its text that way.
//
// The thread that allocates or frees the block writes it. GuardedBlocks' lock guards State and the links. A fault
// handler reads Text without the lock.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct GuardedBlock
{
    private const int TextBytes = 160;

    // The first field, so that a pointer to the record is a pointer to the text.
    public FaultText Text;

    // The block.
    public nuint Address;
    public nuint Bytes;

    // The block's range: a run of units of one SuperSlab, or of whole SuperSlabs.
    public byte* Range;
    public nuint RangeBytes;
    public nuint DataBegin;
    public nuint DataEnd;
    public bool IsSlabRun;

    // Whether the guard pages exist, and whether the whole range was made inaccessible after the free.
    public bool IsGuarded;
    public bool IsSealed;

    public GuardedState State;
    public int AllocationThread;
    public int AllocationStack;
    public int FreeThread;
    public int FreeStack;

    // The list of all records of a heap, and that of its quarantine, oldest first.
    public GuardedBlock* Next;
    public GuardedBlock* Previous;
    public GuardedBlock* NextFreed;

    private fixed byte _blockText[TextBytes];
    private fixed byte _endText[TextBytes];

    public readonly BlockHistory History =>
        new(Address, Bytes, AllocationThread, AllocationStack, FreeThread, FreeStack);

    // Writes the text for a fault at the live block. No managed memory is used, here and below: where that is out, an
    // exception would lose the range, and a program must not pay for each block.
    public static void DescribeAllocation(GuardedBlock* block)
    {
        StackTable stacks = StackTable.Instance;
        Span<byte> text = new(block->_blockText, TextBytes);
        int length = Append(text, 0, "in the range of the guarded block of "u8, block->Bytes, 'D');
        length = Append(text, length, " bytes at 0x"u8, block->Address, 'x');
        length = Append(text, length, "\nallocated by thread "u8, (uint)block->AllocationThread, 'D');
        length = Append(text, length, ":\n"u8);
        block->Text.Block = block->_blockText;
        block->Text.AllocationStack = stacks.TextOf(block->AllocationStack, out int stackBytes);
        block->Text.AllocationStackBytes = (nuint)stackBytes;
        SetEnd(block, "not freed: an access beyond the block's ends\n"u8);
        Volatile.Write(ref block->Text.BlockBytes, (nuint)length);
    }

    // Writes the text for a fault at the freed block. Called before the range is made inaccessible.
    public static void DescribeFree(GuardedBlock* block)
    {
        Span<byte> text = stackalloc byte[TextBytes];
        int length = Append(text, 0, "a use after free: freed by thread "u8, (uint)block->FreeThread, 'D');
        length = Append(text, length, ":\n"u8);
        SetEnd(block, text[..length]);
        block->Text.FreeStack = StackTable.Instance.TextOf(block->FreeStack, out int stackBytes);
        Volatile.Write(ref block->Text.FreeStackBytes, (nuint)stackBytes);
    }

    // All parts together are shorter than TextBytes.
    private static int Append(Span<byte> text, int length, ReadOnlySpan<byte> part)
    {
        part.CopyTo(text[length..]);
        return length + part.Length;
    }

    private static int Append(Span<byte> text, int length, ReadOnlySpan<byte> part, ulong number, char format)
    {
        length = Append(text, length, part);
        Utf8Formatter.TryFormat(number, text[length..], out int written, format);
        return length + written;
    }

    private static void SetEnd(GuardedBlock* block, ReadOnlySpan<byte> text)
    {
        Volatile.Write(ref block->Text.EndBytes, (nuint)0);
        text.CopyTo(new Span<byte>(block->_endText, TextBytes));
        block->Text.End = block->_endText;
        Volatile.Write(ref block->Text.EndBytes, (nuint)text.Length);
    }
}

internal enum GuardedState
{
    // The allocating thread is still making it: not a block yet.
    Unready = 0,

    // The block belongs to a caller.
    Live,

    // Live, and held by a thread that resizes it: no other thread can free or resize it.
    Held,

    // Freed: in the quarantine, or on its way into or out of it.
    Freed,
}
