using System;
using System.Numerics;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Hardening;

// The histories of small blocks, found by address: who allocated a block and who freed it last.
//
// Bounded: each address has one place, and the newest block of those that share a place has it. A history that was overwritten is
// unknown, never another block's. Thread-safe, by one lock.
internal sealed class HistoryTable
{
    private const int Places = 1 << 15;

    private readonly UninterruptibleLock _lock = new();
    private readonly BlockHistory[] _histories = new BlockHistory[Places];

    public void Allocated(nuint address, nuint bytes, int stack)
    {
        using (_lock.Enter())
        {
            _histories[PlaceOf(address)] = new BlockHistory(address, bytes, Environment.CurrentManagedThreadId, stack, 0, StackTable.None);
        }
    }

    public void Freed(nuint address, int stack)
    {
        using (_lock.Enter())
        {
            ref BlockHistory history = ref _histories[PlaceOf(address)];
            BlockHistory known = history.Address == address ? history : new BlockHistory(address, 0, 0, StackTable.None, 0, 0);
            history = known with { FreeThread = Environment.CurrentManagedThreadId, FreeStack = stack };
        }
    }

    // All zero but for the address where it is not known.
    public BlockHistory Of(nuint address)
    {
        using (_lock.Enter())
        {
            BlockHistory history = _histories[PlaceOf(address)];
            return history.Address == address ? history : new BlockHistory(address, 0, 0, StackTable.None, 0, StackTable.None);
        }
    }

    // Fibonacci hashing of the address in 16-byte steps.
    private static int PlaceOf(nuint address) => (int)(((ulong)(address >> 4) * 0x9E37_79B9_7F4A_7C15) >> (64 - BitOperations.Log2(Places)));
}
