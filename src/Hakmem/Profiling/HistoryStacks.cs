using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Profiling;

// The numbers of call stacks in block histories: those of StackTable.Instance. A stack that was seen before is known by
// the hash of its return addresses, so the runtime names the methods of each stack once.
//
// Thread-safe, by one lock, under which no other is taken.
internal static class HistoryStacks
{
    private static readonly UninterruptibleLock s_lock = new();

    // Guarded by s_lock. Without memory for the table each stack is resolved.
    private static readonly HashNumbers s_hashes = new(OsMemory.CreateForCurrentSystem());

    // How often the runtime was asked to name a stack's methods. Interlocked.
    private static long s_resolved;

    // For tests.
    public static long ResolvedStacks => Volatile.Read(ref s_resolved);

    // Creates everything that Take needs.
    public static void Prepare()
    {
        StackCapture.Prepare();
        RuntimeHelpers.RunClassConstructor(typeof(StackHash).TypeHandle);
        using (s_lock.Enter())
        {
            _ = s_hashes.TryPrepare();
        }
    }

    // Returns the number of the calling thread's stack; StackTable.None if it cannot be read. Must be called under no
    // lock, as StackCapture.Take.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Take()
    {
        bool isHashed = StackHash.TryTake(out ulong hash);
        if (isHashed)
        {
            using (s_lock.Enter())
            {
                int known = s_hashes.Find(hash);
                if (known != StackTable.None)
                {
                    return known;
                }
            }
        }

        Interlocked.Increment(ref s_resolved);
        int number = StackCapture.Take(StackTable.Instance);
        if (isHashed)
        {
            using (s_lock.Enter())
            {
                if (s_hashes.TryPrepare())
                {
                    s_hashes.Add(hash, number);
                }
            }
        }

        return number;
    }
}
