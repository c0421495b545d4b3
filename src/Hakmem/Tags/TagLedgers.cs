using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Tags;

// All ledgers of the process, by number. A ledger has its number while blocks may have it: as long as the tag is in
// use, and then until its last block is freed, which the next look finds out. There is a look whenever the number of
// ledgers has doubled since the last one, so that tags that come and go cost what the live ones need.
//
// Thread-safe. Frees read the array without a lock: a block's number keeps the ledger in it. The array is replaced by a
// longer one, under the lock, and published with release.
internal static class TagLedgers
{
    public const int MaxCount = ushort.MaxValue;

    private const int FirstLength = 64;

    // Null, as the arrays, before the first ledger: see Prepare. Interlocked, and never changed again.
    private static UninterruptibleLock? s_lock;

    // Number 0 is nobody's. Beside it the free numbers below s_end, as a stack.
    private static TagLedger?[]? s_items;
    private static ushort[]? s_free;

    // Guarded by the lock, as the free numbers: how many there are, the lowest number never used, the number of
    // ledgers, and that at which the next look is due.
    private static int s_freeCount;
    private static int s_end;
    private static int s_count;
    private static int s_nextLook;

    // For tests.
    public static int Count
    {
        get
        {
            Prepare();
            using (Lock.Enter())
            {
                return s_count;
            }
        }
    }

    // The ledger with a number that a live block has, or null for other numbers.
    public static TagLedger? Find(ushort number)
    {
        TagLedger?[]? items = Volatile.Read(ref s_items);
        return items is not null && number < items.Length ? Volatile.Read(ref items[number]) : null;
    }

    // Gives a ledger a number. False if all are taken by ledgers in use.
    public static bool TryAdd(TagLedger ledger)
    {
        Prepare();
        if (IsLookDue())
        {
            RemoveAbandoned();
        }

        while (true)
        {
            int length = s_items!.Length;
            if (TryPlace(ledger, out bool isFull))
            {
                return true;
            }

            if (isFull)
            {
                return false;
            }

            TryGrow(length);
        }
    }

    // Frees a ledger's number. A second call does nothing.
    public static void Remove(TagLedger ledger)
    {
        using (Lock.Enter())
        {
            if (s_items![ledger.Number] == ledger)
            {
                Volatile.Write(ref s_items![ledger.Number], null);
                s_free![s_freeCount++] = ledger.Number;
                s_count--;
            }
        }
    }

    // For walks under no lock, which may miss a ledger that is added meanwhile, and find one that is removed. Not a
    // copy, since disposals walk, and must not run out of managed memory.
    public static ReadOnlySpan<TagLedger?> All() => Volatile.Read(ref s_items);

    // The tags that have been used with a heap and their parents, by path.
    public static TagStatistics[] Describe(TaggedHeap heap)
    {
        Dictionary<TagAccount, long> bytesOf = [];
        foreach (TagLedger? ledger in All())
        {
            // One without blocks whose tag has ended waits for the next look.
            bool isListed = ledger?.Heap == heap && !(ledger.Account.IsAbandoned && ledger.IsEmpty);
            long bytes = isListed ? Math.Max(0, ledger!.LiveBytes) : 0;
            TagAccount? account = isListed ? ledger!.Account : null;
            for (; account is not null; account = account.Parent)
            {
                bytesOf[account] = bytesOf.TryGetValue(account, out long others) ? others + bytes : bytes;
            }
        }

        TagStatistics[] rows = [.. bytesOf.Select(pair => new TagStatistics(
            pair.Key.Path, pair.Value, pair.Key.PeakBytes, pair.Key.RefusedCount))];
        Array.Sort(rows, static (a, b) => string.CompareOrdinal(a.Path, b.Path));
        return rows;
    }

    private static UninterruptibleLock Lock => s_lock!;

    // Not initializers, after whose failure every later use of the class would fail.
    private static void Prepare()
    {
        if (Volatile.Read(ref s_items) is not null)
        {
            return;
        }

        TagLedger?[] items = new TagLedger?[FirstLength];
        ushort[] free = new ushort[FirstLength];
        Interlocked.CompareExchange(ref s_lock, new(), null);
        using (Lock.Enter())
        {
            if (s_items is null)
            {
                s_free = free;
                s_end = 1;
                s_nextLook = FirstLength;
                Volatile.Write(ref s_items, items);
            }
        }
    }

    private static bool IsLookDue()
    {
        using (Lock.Enter())
        {
            return s_count >= s_nextLook || s_count == MaxCount;
        }
    }

    private static void RemoveAbandoned()
    {
        foreach (TagLedger? ledger in All())
        {
            if (ledger is { Account.IsAbandoned: true, IsEmpty: true })
            {
                ledger.Account.Unlink(ledger);
                Remove(ledger);
            }
        }

        using (Lock.Enter())
        {
            s_nextLook = Math.Max(FirstLength, 2 * s_count);
        }
    }

    private static bool TryPlace(TagLedger ledger, out bool isFull)
    {
        using (Lock.Enter())
        {
            isFull = s_count == MaxCount;
            if (isFull || (s_freeCount == 0 && s_end == s_items!.Length))
            {
                return false;
            }

            ledger.Number = s_freeCount > 0 ? s_free![--s_freeCount] : (ushort)s_end++;
            Volatile.Write(ref s_items![ledger.Number], ledger);
            s_count++;
            return true;
        }
    }

    // Doubles the arrays, unless another thread has.
    private static void TryGrow(int length)
    {
        int longer = Math.Min(2 * length, MaxCount + 1);
        TagLedger?[] items = new TagLedger?[longer];
        ushort[] free = new ushort[longer];
        using (Lock.Enter())
        {
            if (s_items!.Length == length)
            {
                Array.Copy(s_items, items, length);
                Array.Copy(s_free!, free, s_freeCount);
                s_free = free;
                Volatile.Write(ref s_items, items);
            }
        }
    }
}
