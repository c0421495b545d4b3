using System;
using System.Globalization;
using System.Numerics;
using System.Text;
using Hakmem.Os;
using Hakmem.Profiling;

namespace Hakmem.Guarded;

// The histories of small blocks, found by address: which thread allocated a block, and which freed it last.
//
// Bounded: each address has one slot, and the newest of the blocks that share a slot keeps it. An overwritten history
// is unknown, and never reported as another block's.
//
// Thread-safe without a lock: the thread that allocates or frees a block writes its slot, with a checksum. Two threads
// whose blocks share a slot may mix their writes; the checksum is wrong then, and the history unknown. A thread sees
// what earlier owners of its block wrote, because the block itself was handed over with release and acquire.
internal sealed class HistoryTable
{
    private const int SlotCount = 1 << 15;
    private const ulong Multiplier = 0x9E37_79B9_7F4A_7C15;

    // One word of a slot contains the address and the requested bytes.
    private const int AddressShift = 4;
    private const int BytesShift = 48;

    private readonly Slot[] _slots = new Slot[SlotCount];

    public void Allocated(nuint address, nuint bytes, int stack) => Write(address, new Slot
    {
        Block = BlockOf(address) | ((ulong)bytes << BytesShift),
        AllocationThread = Environment.CurrentManagedThreadId,
        AllocationStack = (ushort)stack,
    });

    public void Freed(nuint address, int stack)
    {
        Slot slot = Find(address);
        slot.FreeThread = Environment.CurrentManagedThreadId;
        slot.FreeStack = (ushort)stack;
        Write(address, slot);
    }

    // Returns the history, or zeros and the address if it is unknown.
    public BlockHistory Of(nuint address)
    {
        Slot slot = Find(address);
        return new BlockHistory(
            address, (nuint)(slot.Block >> BytesShift),
            slot.AllocationThread, slot.AllocationStack, slot.FreeThread, slot.FreeStack);
    }

    private static ulong BlockOf(nuint address) => (ulong)address >> AddressShift;

    private Slot Find(nuint address)
    {
        Slot slot = _slots[IndexOf(address)];
        bool isKnown = (slot.Block & ((1UL << BytesShift) - 1)) == BlockOf(address) && slot.Sum == SumOf(slot);
        return isKnown ? slot : new Slot { Block = BlockOf(address) };
    }

    private void Write(nuint address, Slot slot)
    {
        slot.Sum = SumOf(slot);
        _slots[IndexOf(address)] = slot;
    }

    // Fibonacci hashing of the address in 16-byte steps.
    private static int IndexOf(nuint address) =>
        (int)((BlockOf(address) * Multiplier) >> (64 - BitOperations.Log2(SlotCount)));

    private static uint SumOf(Slot slot)
    {
        ulong sum = (slot.Block ^ (uint)slot.AllocationThread) * Multiplier;
        sum ^= (uint)slot.FreeThread | ((ulong)slot.AllocationStack << 32) | ((ulong)slot.FreeStack << 48);
        return (uint)((sum * Multiplier) >> 32);
    }

    // Small, so that a slot mostly lies in one cache line. StackTable's numbers have 16 bits.
    private struct Slot
    {
        public ulong Block;
        public int AllocationThread;
        public int FreeThread;
        public ushort AllocationStack;
        public ushort FreeStack;
        public uint Sum;
    }
}

// What is known of a block's life. Call stacks are numbers of StackTable; threads are managed thread ids, 0 for none.
internal readonly record struct BlockHistory(
    nuint Address, nuint Bytes, int AllocationThread, int AllocationStack, int FreeThread, int FreeStack)
{
    // Returns an exception with the whole history in its message and properties.
    public HakmemCorruptionException ToException(nuint address, string operation, string finding)
    {
        ManagedMemory.Need();
        string? allocatedBy = StackTable.Instance.StringOf(AllocationStack);
        string? freedBy = StackTable.Instance.StringOf(FreeStack);
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{operation} of 0x{(ulong)address:x}: {finding}.");
        if (AllocationThread != 0)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"\nThe block of {Bytes} bytes at 0x{(ulong)Address:x} was allocated by thread {AllocationThread}");
            text.Append(allocatedBy is null ? "." : ":\n" + allocatedBy.TrimEnd('\n'));
        }

        if (FreeThread != 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nIt was freed by thread {FreeThread}");
            text.Append(freedBy is null ? "." : ":\n" + freedBy.TrimEnd('\n'));
        }

        return new HakmemCorruptionException(text.ToString(), address, allocatedBy, freedBy);
    }
}
