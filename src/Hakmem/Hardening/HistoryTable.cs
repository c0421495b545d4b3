using System;
using System.Numerics;

namespace Hakmem.Hardening;

// The histories of small blocks, found by address: who allocated a block and who freed it last.
//
// Bounded: each address has one place, and the newest block of those that share a place has it. A history that was overwritten is
// unknown, never another block's.
//
// Thread-safe without a lock: who allocates or frees a block writes its place, with a sum over all of it. Two threads with blocks that share a
// place may mix what they write; the sum then is wrong, and the history unknown, as if overwritten. What one thread wrote of a block is
// visible to the next that has the block, by whatever handed the block over.
internal sealed class HistoryTable
{
    private const int Places = 1 << 15;
    private const ulong Multiplier = 0x9E37_79B9_7F4A_7C15;

    private readonly Place[] _places = new Place[Places];

    public void Allocated(nuint address, nuint bytes, int stack) =>
        Write(new BlockHistory(address, bytes, Environment.CurrentManagedThreadId, stack, 0, StackTable.None));

    public void Freed(nuint address, int stack) =>
        Write(Of(address) with { FreeThread = Environment.CurrentManagedThreadId, FreeStack = stack });

    // All zero but for the address where it is not known.
    public BlockHistory Of(nuint address)
    {
        Place place = _places[IndexOf(address)];
        BlockHistory history = place.History;
        return history.Address == address && place.Sum == SumOf(history) ? history : new BlockHistory(address, 0, 0, StackTable.None, 0, StackTable.None);
    }

    private void Write(BlockHistory history)
    {
        ref Place place = ref _places[IndexOf(history.Address)];
        place.History = history;
        place.Sum = SumOf(history);
    }

    // Fibonacci hashing of the address in 16-byte steps.
    private static int IndexOf(nuint address) => (int)(((ulong)(address >> 4) * Multiplier) >> (64 - BitOperations.Log2(Places)));

    // Never zero for a history that was written, so that an empty place is none.
    private static ulong SumOf(BlockHistory history)
    {
        ulong sum = Mix(history.Address, history.Bytes);
        sum = Mix(sum, (uint)history.AllocationThread | ((ulong)(uint)history.AllocationStack << 32));
        return Mix(sum, (uint)history.FreeThread | ((ulong)(uint)history.FreeStack << 32)) | 1;
    }

    private static ulong Mix(ulong sum, ulong value) => BitOperations.RotateLeft((sum ^ value) * Multiplier, 29) + value;

    private struct Place
    {
        public BlockHistory History;
        public ulong Sum;
    }
}
