using System;
using System.Runtime.CompilerServices;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Scale.Model;

/// <summary>
/// A heap's layers up to the exchange between thread caches and depots, with the fast paths and the slow ones apart: as
/// in the library, but with any number of caches for one thread.
/// </summary>
internal sealed unsafe class ExchangeLayer : IDisposable
{
    private const int HeapSlot = 0;
    private const long ArenaBytes = 64L << 30;

    // As ThreadCacheRegistry divides them.
    private const int TotalBudgetFactor = 12;
    private const long MinBudgetBytes = 256 << 10;

    private readonly Arena _arena;
    private readonly DepotSet _depots;
    private readonly DepotBudget _budget = new(Stripe.Count);
    private readonly CacheExchange _exchange;
    private readonly int _sizeClass;

    public ExchangeLayer(int blockBytes, int threads)
    {
        HakmemOptions options = new() { LazyZero = LazyZeroMode.Off, SuperSlabCacheTtl = TimeSpan.FromDays(1) };
        SizeClassInfo[] classes = SizeClassInfo.Standard;
        _arena = new Arena(OsMemory.CreateForThisProcess(), ArenaBytes);
        _arena.RefreshLimit();
        UnitAllocator units = new(new SuperSlabCache(_arena, HeapSlot, options.ToLimits()));
        _depots = new DepotSet(_arena, units, HeapSlot, classes, _budget);
        long most = options.ThreadCacheBytes;
        long share = threads <= TotalBudgetFactor ? most : most * TotalBudgetFactor / threads;
        _exchange = new CacheExchange(_depots, classes)
        {
            BudgetBytes = Math.Min(most, Math.Max(share, MinBudgetBytes)),
        };
        _sizeClass = (int)SizeClass.IndexOf((nuint)blockBytes - 1);
    }

    /// <summary>What leads to all locks.</summary>
    public object[] Roots => [_arena, _depots, _budget, _exchange];

    public ThreadCache* NewCache(int number)
    {
        ThreadCache* cache = ThreadCaches.TryCreate(_arena, HeapSlot, SizeClassInfo.Standard, number);
        return cache != null ? cache : throw new OutOfMemoryException("There is no memory for a thread's cache.");
    }

    /// <summary>A block of the cache, or null if the slow path has to be taken.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void* TryTake(ThreadCache* cache)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)_sizeClass);
        void** top = bin->AllocTop;
        void* block = *top;
        if (block != null)
        {
            bin->AllocTop = top - 1;
        }

        return block;
    }

    /// <summary>The slow path of an allocation.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void* TakeSlow(ThreadCache* cache)
    {
        void* block = CacheExchange.TryAllocFromSecondary(cache, _sizeClass);
        if (block == null)
        {
            block = _exchange.TryAlloc(cache, ThreadCache.OwnIndexOf(cache, _sizeClass), out nuint corrupt);
            Require(block != null && corrupt == 0, "An allocation failed.");
        }

        return block;
    }

    /// <summary>Frees a block to the cache; false if the slow path has to be taken.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryPut(ThreadCache* cache, void* block) => HakmemAllocator.TryPutInto(cache, block);

    /// <summary>The slow path of a free.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void PutSlow(ThreadCache* cache, void* block)
    {
        int index = PageMapEntry.BinIndexOf(Arena.EntryOf(cache, block));
        Require(_exchange.Free(cache, index, block) == 0, "A free found a block free.");
        if (_budget.IsExceededSince(index >= SizeClass.Count ? Stripe.OfBin(index) : cache->Number))
        {
            Require(_budget.FlushExcess(_depots, index) == 0, "A flush found a block free.");
        }
    }

    /// <summary>The magazine that allocations take from.</summary>
    public nint TakenFrom(ThreadCache* cache) =>
        (nint)ThreadCache.AllocBinOf(cache, ThreadCache.OwnIndexOf(cache, _sizeClass))->Primary;

    /// <summary>The magazine that frees of a block like this one go to.</summary>
    public static nint PutInto(ThreadCache* cache, void* block)
    {
        int index = PageMapEntry.BinIndexOf(Arena.EntryOf(cache, block));
        return (nint)(ThreadCache.IsStacked(cache, index)
            ? ThreadCache.AllocBinOf(cache, index)->Primary
            : ThreadCache.BinOf(cache, index)->Secondary);
    }

    /// <summary>Gives the arena's address range back, with all in it. The records of caches and magazines
    /// stay.</summary>
    public void Dispose()
    {
        _arena.Os.TryRelease(_arena.Base, (nuint)_arena.ReservedBytes);
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new InvalidOperationException(message);
        }
    }
}
