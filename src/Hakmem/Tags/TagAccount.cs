using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Profiling;

namespace Hakmem.Tags;

// The figures and limits of a MemoryTag. It lives as long as the tag, and then until the last block that counts for it
// is freed.
//
// Two ways to count. A tag without a limit, whose parents have none either, counts in the shards of its ledgers: no
// atomic operation, and what a thread has not passed on is added when somebody asks. With a limit in the line every
// allocation and free is an atomic operation for the tag and each parent, so that the limits are exact. So a limit on a
// tag makes it and all tags below it count that way; others don't pay.
//
// Budget has the bytes of the tag and of all tags below it, but for what is in shards.
//
// Accounts with ledgers, and their parents, are linked into a tree, which LiveBytes walks. One lock for all trees,
// under which nothing is allocated: the links are in the accounts.
internal sealed class TagAccount : ISampleOwner, ITeller
{
    // Null before the first account. Interlocked, and never changed again.
    private static UninterruptibleLock? s_treeLock;

    // The number of the account made last. Interlocked.
    private static long s_numbers;

    // The tag, which a program may drop without disposing it.
    private readonly WeakReference<MemoryTag> _tag;

    // The number of refused requests; interlocked.
    private long _refusedCount;

    // Set once by the tag's disposal.
    private volatile bool _isClosed;

    // The lock guards these: the links to the accounts below and beside this one, whether the parent's list has it, and
    // its ledgers.
    private TagAccount? _firstChild;
    private TagAccount? _next;
    private TagAccount? _previous;
    private bool _isLinked;
    private TagLedger? _ledgers;

    public TagAccount(MemoryTag tag, TagAccount? parent, HeapBudget budget)
    {
        if (Volatile.Read(ref s_treeLock) is null)
        {
            Interlocked.CompareExchange(ref s_treeLock, new(), null);
        }

        _tag = new WeakReference<MemoryTag>(tag);
        Name = tag.Name;
        Parent = parent;
        Budget = budget;
        IsLimited = budget.SoftBytes > 0 || budget.HardBytes > 0 || parent is { IsLimited: true };
    }

    private static UninterruptibleLock TreeLock => s_treeLock!;

    public ulong Number { get; } = (ulong)Interlocked.Increment(ref s_numbers);

    public string Name { get; }

    public TagAccount? Parent { get; }

    // Whether each allocation and free is counted at once, here and in all parents.
    public bool IsLimited { get; }

    public HeapBudget Budget { get; }

    public long RefusedCount => Interlocked.Read(ref _refusedCount);

    public bool IsClosed => _isClosed;

    // Whether no more blocks will be allocated: the tag was disposed, or nothing refers to it any more.
    public bool IsAbandoned => _isClosed || !_tag.TryGetTarget(out _);

    // The names from the outermost parent to this tag.
    public string Path
    {
        get
        {
            List<string> names = [];
            for (TagAccount? account = this; account is not null; account = account.Parent)
            {
                names.Add(account.Name);
            }

            names.Reverse();
            return string.Join("/", names);
        }
    }

    // Exact while no other thread allocates or frees. What was passed on comes first: see TagShard.
    public long LiveBytes => Math.Max(0, Sum(most: false));

    // The largest figure that was passed on, or else that threads' parts add up to.
    public long PeakBytes
    {
        get
        {
            Budget.RaisePeak(Sum(most: true));
            return Budget.PeakBytes;
        }
    }

    // Adds bytes to this account and all parents. If a hard limit refuses them, nothing changes but, if isCounted, the
    // counts of refusals, here and in each parent up to the one whose limit it was. Returns that one; null if they were
    // added: then call NoteGrowth once there is a block that has them, since the heap may refuse it.
    //
    // Every limit is asked before anything is reserved: what is reserved in vain is part of the sums, and so of the
    // peaks and soft limits, that other threads find meanwhile.
    public TagAccount? TryCharge(long bytes, bool isCounted)
    {
        TagAccount? refusing = FindRefusing(bytes) ?? TryReserve(bytes);
        if (refusing is not null && isCounted)
        {
            CountRefusal(refusing);
        }

        return refusing;
    }

    // Raises the peaks, here and in all parents, and finds which soft limits are exceeded.
    public void NoteGrowth()
    {
        for (TagAccount? account = this; account is not null; account = account.Parent)
        {
            account.Budget.NoteGrowth(account.Budget.CommittedBytes);
        }
    }

    // The account whose limit has no room for bytes now, of this one and its parents; null if all have.
    public TagAccount? FindRefusing(long bytes)
    {
        TagAccount? account = this;
        while (account is not null && account.Budget.Admits(bytes))
        {
            account = account.Parent;
        }

        return account;
    }

    // Adds bytes, of which there may be fewer than none, to this account and all parents.
    public void Add(long bytes)
    {
        for (TagAccount? account = this; account is not null; account = account.Parent)
        {
            if (bytes > 0)
            {
                account.Budget.Add(bytes);
            }
            else
            {
                account.Budget.Remove(-bytes);
            }
        }
    }

    void ITeller.Tell() => TellIfAbove();

    // Tells once for each soft limit that is exceeded. Under no lock; while callouts are deferred, whoever defers them
    // calls this later. Never throws.
    public void TellIfAbove()
    {
        if (Callouts.AreDeferred)
        {
            Callouts.NoteDeferred(this);
            return;
        }

        for (TagAccount? account = this; account is not null; account = account.Parent)
        {
            account.Budget.TellIfAbove();
        }
    }

    // The tag, if the program still has it.
    public MemoryTag? TryGetTag() => _tag.TryGetTarget(out MemoryTag? tag) ? tag : null;

    // Ends allocations. Ledgers without live blocks are removed; the others stay until a later look.
    public void Close()
    {
        _isClosed = true;
        CloseLedgers();
        while (FindEmptyLedger() is { } ledger)
        {
            Unlink(ledger);
            TagLedgers.Remove(ledger);
        }
    }

    // Calls the heap of each ledger of this account and those below it, under no lock.
    public void TrimHeaps()
    {
        foreach (TagLedger? ledger in TagLedgers.All())
        {
            if (ledger is not null && Includes(ledger.Account))
            {
                ledger.Heap.ScheduleTrim();
            }
        }
    }

    public void CountRefusal(TagAccount last)
    {
        for (TagAccount account = this; ; account = account.Parent!)
        {
            Interlocked.Increment(ref account._refusedCount);
            if (account == last)
            {
                return;
            }
        }
    }

    // The ledger for a heap; null if there is none.
    public TagLedger? FindLedger(TaggedHeap heap)
    {
        using (TreeLock.Enter())
        {
            TagLedger? ledger = _ledgers;
            while (ledger is not null && ledger.Heap != heap)
            {
                ledger = ledger.Next;
            }

            return ledger;
        }
    }

    // Adds a ledger, unless another thread has added one for its heap; returns the one that is there.
    public TagLedger Link(TagLedger added)
    {
        using (TreeLock.Enter())
        {
            for (TagLedger? ledger = _ledgers; ledger is not null; ledger = ledger.Next)
            {
                if (ledger.Heap == added.Heap)
                {
                    return ledger;
                }
            }

            added.Next = _ledgers;
            _ledgers = added;
            LinkToParents();
            return added;
        }
    }

    // Removes a ledger with all that it counts.
    public void Unlink(TagLedger removed)
    {
        long passedOn;
        using (TreeLock.Enter())
        {
            TagLedger? before = null;
            TagLedger? ledger = _ledgers;
            while (ledger is not null && ledger != removed)
            {
                before = ledger;
                ledger = ledger.Next;
            }

            if (ledger is null)
            {
                return;
            }

            if (before is null)
            {
                _ledgers = removed.Next;
            }
            else
            {
                before.Next = removed.Next;
            }

            passedOn = removed.TakePassedOn();
            UnlinkFromParents();
        }

        Add(-passedOn);
    }

    // From here to the outermost parent. Takes back what it reserved if one refuses; returns that one.
    private TagAccount? TryReserve(long bytes)
    {
        TagAccount? refusing = this;
        while (refusing is not null && refusing.Budget.TryReserve(bytes, out _))
        {
            refusing = refusing.Parent;
        }

        for (TagAccount? account = this; refusing is not null && account != refusing; account = account!.Parent)
        {
            account!.Budget.Remove(bytes);
        }

        return refusing;
    }

    private long Sum(bool most)
    {
        long passedOn = Budget.CommittedBytes;
        using (TreeLock.Enter())
        {
            return passedOn + PendingBelow(most);
        }
    }

    // Whether an account is this one or below it.
    private bool Includes(TagAccount? account)
    {
        while (account is not null && account != this)
        {
            account = account.Parent;
        }

        return account is not null;
    }

    private void CloseLedgers()
    {
        using (TreeLock.Enter())
        {
            for (TagLedger? ledger = _ledgers; ledger is not null; ledger = ledger.Next)
            {
                ledger.Close();
            }
        }
    }

    private TagLedger? FindEmptyLedger()
    {
        using (TreeLock.Enter())
        {
            TagLedger? ledger = _ledgers;
            while (ledger is { IsEmpty: false })
            {
                ledger = ledger.Next;
            }

            return ledger;
        }
    }

    // A walk over this account and all below it, without a call for each level: a tree may be deep. A limited account
    // has no shards, nor has any below it.
    private long PendingBelow(bool most)
    {
        TreeLock.AssertHeld();
        long pending = 0;
        TagAccount account = this;
        while (true)
        {
            TagLedger? ledger = account.IsLimited ? null : account._ledgers;
            for (; ledger is not null; ledger = ledger.Next)
            {
                pending += ledger.SumPending(most);
            }

            if (account is { IsLimited: false, _firstChild: { } child })
            {
                account = child;
                continue;
            }

            while (account != this && account._next is null)
            {
                account = account.Parent!;
            }

            if (account == this)
            {
                return pending;
            }

            account = account._next!;
        }
    }

    private void LinkToParents()
    {
        TreeLock.AssertHeld();
        for (TagAccount account = this; !account._isLinked; account = account.Parent)
        {
            account._isLinked = true;
            if (account.Parent is null)
            {
                return;
            }

            account._next = account.Parent._firstChild;
            if (account._next is not null)
            {
                account._next._previous = account;
            }

            account.Parent._firstChild = account;
        }
    }

    // Also the parents that have nothing else below them.
    private void UnlinkFromParents()
    {
        TreeLock.AssertHeld();
        TagAccount? account = this;
        while (account is { _isLinked: true, _ledgers: null, _firstChild: null })
        {
            account._isLinked = false;
            if (account._previous is not null)
            {
                account._previous._next = account._next;
            }
            else if (account.Parent is not null)
            {
                Debug.Assert(account.Parent._firstChild == account, "Only the first has no account before it.");
                account.Parent._firstChild = account._next;
            }

            if (account._next is not null)
            {
                account._next._previous = account._previous;
            }

            account._next = null;
            account._previous = null;
            account = account.Parent;
        }
    }
}
