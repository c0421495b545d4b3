using System;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pooling;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Tags;

// The live bytes of one tag in one heap. Its number, which the table of tagged blocks has for each block, leads whoever
// frees a block to it. So a heap that is disposed takes exactly its own blocks from the tag.
//
// Live bytes are what was passed on plus what is in the shards. Thread-safe.
internal sealed unsafe class TagLedger
{
    // The bytes that were passed on, which the account and its parents have too. Interlocked.
    private long _passedOn;

    private readonly UninterruptibleLock _lock = new();

    // Each thread's shard, by the number of its cache of the shared heap. Empty if the account is limited.
    private ThreadTable<TagShard> _shards;

    // The allocator that the program has, or null. Guarded by _lock.
    private readonly WeakReference<TaggedAllocator> _view = new(null!);

    // Whether the bytes are out of the account, because the heap is disposed or the tag is done. Set under the tree's
    // lock.
    private volatile bool _isRemoved;

    // How many blocks' sizes were about to change, and have changed. Interlocked.
    private long _resizesBegun;
    private long _resizesEnded;

    public TagLedger(TagAccount account, TaggedHeap heap)
    {
        Account = account;
        Heap = heap;
        Origin = heap.Origin;
        _shards = new ThreadTable<TagShard>(_lock);
    }

    public TagAccount Account { get; }

    public TaggedHeap Heap { get; }

    // Whether no thread may attach its shard, because the tag is disposed. Written under _lock; a thread that reads an
    // old value asks again under it.
    private bool _isClosed;

    // See AddShared.
    public Action? OnPass { get; set; }

    // The next ledger of the account. Guarded by the tree's lock.
    public TagLedger? Next { get; set; }

    // The heap's table of tagged blocks, as TaggedHeap has it.
    public byte* Origin { get; }

    // The number in the table of tagged blocks: 1 to 65535. Written once, before there are blocks.
    public ushort Number { get; set; }

    // Exact while no other thread allocates or frees; not too low while others only free.
    public long LiveBytes
    {
        get
        {
            long passedOn = Interlocked.Read(ref _passedOn);
            return passedOn + SumPending(most: false);
        }
    }

    // Whether no block is live, for a tag that allocates no more. LiveBytes alone may be zero for a moment while a live
    // block changes its size: a shard empties before its bytes are in the ledger. So no resize may be under way, nor
    // begin, while the bytes are added up.
    public bool IsEmpty
    {
        get
        {
            long ended = Interlocked.Read(ref _resizesEnded);
            return Interlocked.Read(ref _resizesBegun) == ended && LiveBytes == 0 &&
                Interlocked.Read(ref _resizesBegun) == ended;
        }
    }

    // Called before a live block of the ledger changes its size, and EndResize after that is counted.
    public void BeginResize() => Interlocked.Increment(ref _resizesBegun);

    public void EndResize() => Interlocked.Increment(ref _resizesEnded);

    // What the shards have, or the most that each had since it passed on what it had.
    public long SumPending(bool most)
    {
        long pending = 0;
        foreach (TagShard shard in _shards)
        {
            pending += most ? shard.MostPending : shard.Pending;
        }

        return pending;
    }

    // The calling thread's shard, given its cache of the shared heap; null if it has none, or bytes have to be counted
    // at once.
    public TagShard? TryGetShard(ThreadCache* shared) => _shards.TryGet(shared->Number);

    // Takes the steady state from all threads for good, because the tag is disposed.
    public void Close()
    {
        using (_lock.Enter())
        {
            Volatile.Write(ref _isClosed, true);
        }

        DetachAll();
    }

    // Has each thread's next call take the slow path, which attaches the shard again if it may.
    public void DetachAll()
    {
        using (_lock.Enter())
        {
            foreach (TagShard shard in _shards)
            {
                shard.Detach();
            }
        }
    }

    // Adds the bytes of a block, or subtracts them. Never throws.
    public void Add(long bytes)
    {
        TagShard? shard = Account.IsLimited ? null : TryFindShard();
        if (shard is not null)
        {
            shard.Add(bytes);
        }
        else
        {
            AddShared(bytes);
        }
    }

    // Adds bytes at once, whatever the limits. OnPass is for tests: called before the bytes are in the figures.
    public void AddShared(long bytes)
    {
        OnPass?.Invoke();
        Interlocked.Add(ref _passedOn, bytes);
        Account.Add(bytes);
        TakeBackIfRemoved();
    }

    // Raises the peaks to what one thread has seen beside what was passed on.
    public void NotePeak(long pending)
    {
        for (TagAccount? account = Account; account is not null; account = account.Parent)
        {
            account.Budget.RaisePeak(account.Budget.CommittedBytes + pending);
        }
    }

    // Adds bytes if the limits of the account and its parents have room for them; else returns the account that refused
    // them.
    public TagAccount? TryCharge(long bytes, bool isCounted = true)
    {
        TagAccount? refusing = Account.TryCharge(bytes, isCounted);
        if (refusing is null)
        {
            Interlocked.Add(ref _passedOn, bytes);
            TakeBackIfRemoved();
        }

        return refusing;
    }

    // Returns what was passed on, for the account to subtract, and counts no more: whoever adds afterwards finds that
    // and takes back what it added. Under the tree's lock.
    public long TakePassedOn()
    {
        _isRemoved = true;
        return Interlocked.Exchange(ref _passedOn, 0);
    }

    // The allocator of the tag and heap. One at a time, so that programs may compare them.
    public TaggedAllocator ViewOf(MemoryTag tag)
    {
        TaggedAllocator made = new(Heap, tag, this);
        using (_lock.Enter())
        {
            if (_view.TryGetTarget(out TaggedAllocator? view))
            {
                return view;
            }

            _view.SetTarget(made);
            return made;
        }
    }

    // The allocator, if the program still has it.
    public TaggedAllocator? TryGetView()
    {
        using (_lock.Enter())
        {
            return _view.TryGetTarget(out TaggedAllocator? view) ? view : null;
        }
    }

    // The bytes are added first, and the mark of the removal is set first: of two that race at least one sees the
    // other, and only one takes the bytes.
    private void TakeBackIfRemoved()
    {
        if (_isRemoved)
        {
            Account.Add(-Interlocked.Exchange(ref _passedOn, 0));
        }
    }

    // Null if the thread has no cache, or there is no managed memory for a shard.
    private TagShard? TryFindShard()
    {
        ThreadCache* shared = CurrentThread.Shared;
        if (shared == null)
        {
            return null;
        }

        try
        {
            TagShard shard = _shards.TryGet(shared->Number) ?? _shards.Register(shared->Number, new TagShard(this));
            if (!shard.IsAttached(shared) && !Volatile.Read(ref _isClosed) && Heap.CacheOf(shared) != null)
            {
                Attach(shard, shared);
            }

            return shard;
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    // Unless the thread has no cache of the tagged heap, or has to take the slow path. A heap that must not be used is
    // seen: it closes its slot before it detaches the shards.
    private void Attach(TagShard shard, ThreadCache* shared)
    {
        using (_lock.Enter())
        {
            long peerChanges = Volatile.Read(ref shared->PeerChanges);
            ThreadCache* cache = Heap.CacheOf(shared);
            if (cache != null && !_isClosed)
            {
                shard.Attach(cache, peerChanges);
            }
        }
    }
}
