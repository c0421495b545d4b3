using System.Threading;
using Hakmem.Os;

namespace Hakmem.Allocators;

// The numbers by which thread caches and page map entries name heaps. Slot 0 is the shared heap's. Thread-safe.
internal static class HeapSlots
{
    // What a table of one pointer for each slot may take in a thread's records: 64 KiB.
    public const int Max = 8192;

    public const int Shared = 0;

    private static readonly UninterruptibleLock s_lock = new();
    // One for each slot; guarded by s_lock.
    private static readonly bool[] s_taken = CreateTaken();

    // The lowest free slot, or -1 if there are too many heaps.
    public static int TryTake()
    {
        using (s_lock.Enter())
        {
            for (int slot = 1; slot < Max; slot++)
            {
                if (!s_taken[slot])
                {
                    s_taken[slot] = true;
                    return slot;
                }
            }

            return -1;
        }
    }

    public static void Return(int slot)
    {
        using (s_lock.Enter())
        {
            s_taken[slot] = false;
        }
    }

    private static bool[] CreateTaken()
    {
        bool[] taken = new bool[Max];
        taken[Shared] = true;
        return taken;
    }
}
