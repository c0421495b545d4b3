using System.Collections.Generic;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Concurrency;

// A thread's end, beside one that needs a cache (ThreadCacheRegistry.TryGet) and one that trims (FlushDead). The ending thread's last acts are
// an Alloc and a Free on its fast paths, which are plain loads and stores.
//
// Checked: no block is held twice, in two places, or lost.
internal sealed class AdoptionModel : Model
{
    private const int Blocks = 3;
    private const int Owner = 1;
    private const int Adopter = 2;

    private readonly AdoptionFlaw _flaw;
    private readonly ModelCell _registryLock;
    private readonly ModelCell _entry;
    private readonly ModelCell _isAlive;
    private readonly ModelCell _top;
    private readonly ModelCell[] _slots = new ModelCell[4];

    public AdoptionModel(AdoptionFlaw flaw)
    {
        _flaw = flaw;
        _registryLock = NewCell("ThreadCacheRegistry._lock");
        _entry = NewCell("_entries[0].Thread", Owner);
        _isAlive = NewCell("Thread.IsAlive", 1);
        _top = NewCell("bin->AllocTop", 2);
        for (int slot = 0; slot < _slots.Length; slot++)
        {
            _slots[slot] = NewCell($"slot {slot}", slot is 1 or 2 ? slot : 0);
        }

        // Block 3 is the owner's.
        Ghosts[3] = 1;
        ModelThread owner = NewThread("ending thread");
        owner.Program = End(owner).GetEnumerator();
        ModelThread adopter = NewThread("new thread");
        adopter.Program = Adopt(adopter).GetEnumerator();
        ModelThread trimmer = NewThread("trimming thread");
        trimmer.Program = Trim(trimmer).GetEnumerator();
    }

    public override void CheckEnd()
    {
        int[] places = Ghosts[..(Blocks + 1)];
        for (int slot = _top.Newest; slot > 0; slot--)
        {
            places[_slots[slot].Newest]++;
        }

        for (int block = 1; block <= Blocks; block++)
        {
            Require(places[block] == 1, $"Block {block} is in {places[block]} places.");
        }
    }

    private IEnumerable<ModelOp> End(ModelThread t)
    {
        // Two blocks are taken and two freed in another order, so that tops and slots matter.
        yield return ModelOp.Load(_top, "Alloc: top = bin->AllocTop");
        int top = t.Result;
        yield return ModelOp.Load(_slots[top], "Alloc: block = *top");
        int block = t.Result;
        yield return ModelOp.Store(_top, top - 1, "Alloc: bin->AllocTop = top - 1");
        Ghosts[block]++;
        foreach (int freed in new[] { 3, block })
        {
            yield return ModelOp.Load(_top, "Free: top = bin->FreeTop");
            top = t.Result;
            Ghosts[freed]--;
            yield return ModelOp.Store(_slots[top + 1], freed, "Free: top[1] = ptr");
            if (freed == block && _flaw == AdoptionFlaw.EndsEarly)
            {
                yield return ModelOp.Exchange(_isAlive, 0, "the runtime: the thread has ended");
            }

            yield return ModelOp.Store(_top, top + 1, "Free: bin->FreeTop = top + 1");
        }

        if (_flaw != AdoptionFlaw.EndsEarly)
        {
            yield return ModelOp.Exchange(_isAlive, 0, "the runtime: the thread has ended");
        }
    }

    private IEnumerable<ModelOp> Adopt(ModelThread t)
    {
        if (_flaw != AdoptionFlaw.NoLock)
        {
            yield return ModelOp.Lock(_registryLock, "ThreadCacheRegistry.TryGet: lock (_lock)");
        }

        bool isDead = false;
        foreach (ModelOp op in FindDead(t))
        {
            yield return op;
            isDead = op.Cell == _isAlive ? t.Result == 0 : isDead;
        }

        if (_flaw == AdoptionFlaw.LockLetGoBetween)
        {
            yield return ModelOp.Unlock(_registryLock, "the lock is let go");
            yield return ModelOp.Lock(_registryLock, "the lock is taken again");
        }

        if (isDead)
        {
            // FlushDead keeps the record for the next thread that comes.
            Require(_entry.Newest == Owner, "The adopted cache has been flushed, and is about to be another thread's too.");
            yield return ModelOp.Store(_entry, Adopter, "TryGet: _entries[i] = new Entry(Thread.CurrentThread, adopted)");
        }

        if (_flaw != AdoptionFlaw.NoLock)
        {
            yield return ModelOp.Unlock(_registryLock, "ThreadCacheRegistry.TryGet: end of lock");
        }

        if (!isDead)
        {
            yield break;
        }

        yield return ModelOp.Load(_top, "Alloc: top = bin->AllocTop");
        int top = t.Result;
        if (top == 0)
        {
            yield break;
        }

        yield return ModelOp.Load(_slots[top], "Alloc: block = *top");
        Require(t.Result != 0, "The adopted cache has a slot without a block below its top.");
        Ghosts[t.Result]++;
        Require(Ghosts[t.Result] == 1, $"Block {t.Result} was handed out twice.");
        yield return ModelOp.Store(_top, top - 1, "Alloc: bin->AllocTop = top - 1");
    }

    private IEnumerable<ModelOp> Trim(ModelThread t)
    {
        if (_flaw != AdoptionFlaw.NoLock)
        {
            yield return ModelOp.Lock(_registryLock, "ThreadCacheRegistry.FlushDead: lock (_lock)");
        }

        bool isDead = false;
        foreach (ModelOp op in FindDead(t))
        {
            yield return op;
            isDead = op.Cell == _isAlive ? t.Result == 0 : isDead;
        }

        if (isDead)
        {
            yield return ModelOp.Load(_top, "BinCounts.Save: bin->AllocTop");
            for (int slot = t.Result; slot > 0; slot--)
            {
                yield return ModelOp.Load(_slots[slot], "Depot.Add, then Depot.Flush: slots[slot]");
                Require(t.Result != 0, "The flushed cache has a slot without a block below its top.");
                Ghosts[t.Result]++;
                Require(Ghosts[t.Result] == 1, $"Block {t.Result} went to the depot while it was elsewhere.");
            }

            yield return ModelOp.Store(_top, 0, "ThreadCache.ResetBin: bin->AllocTop = &cache->EmptySlot");
            yield return ModelOp.Store(_entry, 0, "FlushDead: _entries.RemoveAt(i)");
        }

        if (_flaw != AdoptionFlaw.NoLock)
        {
            yield return ModelOp.Unlock(_registryLock, "ThreadCacheRegistry.FlushDead: end of lock");
        }
    }

    // The thread is dead if the last step read IsAlive as false. The adopter lives for as long as the model.
    private IEnumerable<ModelOp> FindDead(ModelThread t)
    {
        yield return ModelOp.Load(_entry, "_entries[i].Thread");
        if (t.Result != Owner)
        {
            yield break;
        }

        yield return ModelOp.Load(_isAlive, "ThreadCacheRegistry.IsAlive: thread.IsAlive");
        if (t.Result == 0 && _flaw != AdoptionFlaw.NoFence)
        {
            yield return ModelOp.Fence("ThreadCacheRegistry.IsAlive: Interlocked.MemoryBarrier");
        }
    }
}
