using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Guarded;

// A heap's access to the table of live blocks, for HardeningLevel.Checked and Full. A block is marked when it is handed
// out. The one thread that may free or resize it claims it. See LiveTable for the ordering.
internal sealed unsafe class BlockClaims(Arena arena, LiveTable table, ThreadCacheRegistry registry)
{
    private readonly byte* _origin = table.Origin;

    // Throws OutOfMemoryException if the table cannot be reserved.
    public static LiveTable RequireTable(Arena arena) => arena.TryMakeLiveTable() ?? throw new OutOfMemoryException(
        $"Hakmem could not reserve the table of live blocks, a sixteenth of the arena's {arena.ReservedBytes} bytes " +
        "of address space, which HakmemOptions.Hardening asks for; is `ulimit -v` set very low?");

    // Returns true if a live block begins at an address; it then belongs to the calling thread alone.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryClaim(ThreadCache* cache, void* address)
    {
        // An atomic exchange takes longer than the rest of a free, and while the heap has one cache no other thread
        // frees. The registry ends that state: it clears IsAlone and then waits until IsClaiming is 0.
        Volatile.Write(ref cache->IsClaiming, 1);
        bool isLive = Volatile.Read(ref cache->IsAlone) != 0
            ? LiveTable.TryEndAlone(cache->Live, address)
            : LiveTable.TryEnd(cache->Live, address);
        Volatile.Write(ref cache->IsClaiming, 0);
        return isLive;
    }

    // Lets the owner of a new cache mark and claim blocks by itself.
    public void Attach(ThreadCache* magazines) => magazines->Live = _origin;

    // Marks a block that is about to be handed out. Returns the block, which may be null.
    public void* Mark(void* block)
    {
        if (block != null)
        {
            LiveTable.Begin(_origin, block);
        }

        return block;
    }

    public bool IsLive(void* address) => LiveTable.IsLive(_origin, address);

    // Claims the block at an address for a thread, whose cache may be null. Returns false if no live block begins
    // there.
    public bool TryClaimSlow(ThreadCache* cache, void* address, ulong entry)
    {
        if (cache == null)
        {
            // This thread got no cache because memory is out, so the only cache does not mean the only thread.
            registry.EndAlone();
        }

        return LiveTable.TryEnd(_origin, address) && IsStillOf(entry, address);
    }

    // Returns whether a claimed block has the page-map entry that it had before. If not, another thread freed it
    // meanwhile, and the block that begins there now is marked again.
    public bool IsStillOf(ulong entry, void* block)
    {
        if (PageMapEntry.IsSameSpan(arena.EntryOf(block), entry))
        {
            return true;
        }

        Mark(block);
        return false;
    }
}
