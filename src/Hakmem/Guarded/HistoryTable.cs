using System;
using System.Numerics;

namespace Hakmem.Guarded;

// The histories of small blocks, found by address: who allocated a block and who freed it last.
//
// Bounded: each address has one place, and the newest block of those that share a place has it. A history that was overwritten is
// unknown, never another block's.
//
// Thread-safe without a lock: who allocates or frees a block writes its place, with a sum over all of it. Two threads
// with blocks that share a place may mix what they write; the sum then is wrong, and the history unknown, as if
// overwritten. What one thread wrote of a block is visible to the next that has the block, by whatever handed the block
// over.
internal sealed class HistoryTable
{
    private const int Places = 1 << 15;
    private const ulong Multiplier = 0x9E37_79B9_7F4A_7C15;

    // A place has the address and the bytes asked for in one word.
    private const int AddressShift = 4;
    private const int BytesShift = 48;

    private readonly Place[] _places = new Place[Places];

    public void Allocated(nuint address, nuint bytes, int stack) =>
        Write(address, new Place { Block = BlockOf(address) | ((ulong)bytes << BytesShift), AllocationThread = Environment.CurrentManagedThreadId, AllocationStack = (ushort)stack });

    public void Freed(nuint address, int stack)
    {
        Place place = Find(address);
        place.FreeThread = Environment.CurrentManagedThreadId;
        place.FreeStack = (ushort)stack;
        Write(address, place);
    }

    // All zero but for the address where it is not known.
    public BlockHistory Of(nuint address)
    {
        Place place = Find(address);
        return new BlockHistory(
            address, (nuint)(place.Block >> BytesShift), place.AllocationThread, place.AllocationStack, place.FreeThread, place.FreeStack);
    }

    private static ulong BlockOf(nuint address) => (ulong)address >> AddressShift;

    private Place Find(nuint address)
    {
        Place place = _places[IndexOf(address)];
        bool isKnown = (place.Block & ((1UL << BytesShift) - 1)) == BlockOf(address) && place.Sum == SumOf(place);
        return isKnown ? place : new Place { Block = BlockOf(address) };
    }

    private void Write(nuint address, Place place)
    {
        place.Sum = SumOf(place);
        _places[IndexOf(address)] = place;
    }

    // Fibonacci hashing of the address in 16-byte steps.
    private static int IndexOf(nuint address) => (int)((BlockOf(address) * Multiplier) >> (64 - BitOperations.Log2(Places)));

    private static uint SumOf(Place place)
    {
        ulong sum = (place.Block ^ (uint)place.AllocationThread) * Multiplier;
        sum ^= (uint)place.FreeThread | ((ulong)place.AllocationStack << 32) | ((ulong)place.FreeStack << 48);
        return (uint)((sum * Multiplier) >> 32);
    }

    // Small, so that it mostly lies in one cache line. Stacks have numbers of 16 bits; see StackTable.
    private struct Place
    {
        public ulong Block;
        public int AllocationThread;
        public int FreeThread;
        public ushort AllocationStack;
        public ushort FreeStack;
        public uint Sum;
    }
}
