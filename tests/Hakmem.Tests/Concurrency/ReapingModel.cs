using System;
using System.Collections.Generic;
using Hakmem.Reclaim;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Concurrency;

// The reaping of one bin of a stacked class, whose one magazine both Alloc and Free use, beside its owner (CacheReaper,
// CacheGate). The owner follows a script: 'A' allocates, 'F' frees what it has had longest, 'D' frees the block freed
// last a second time, 'W' is a managed wait.
//
// Slots have numbers from 1 up, and 0 is the null in front of them; a top is the number of the newest filled slot.
//
// Checked: no block is handed out while it is elsewhere, none ends in two places, none is lost, and no second free in a
// row is taken.
internal sealed class ReapingModel : Model
{
    private const int Blocks = 4;
    private const int Capacity = 5;

    // Where in Ghosts it is kept which blocks the depot has; from 0 on, which the program has.
    private const int InDepot = 8;

    private readonly ReapingFlaw _flaw;
    private readonly ModelCell _gate;
    private readonly ModelCell _state;
    private readonly ModelCell _top;
    private readonly ModelCell _end;
    private readonly ModelCell _holes;
    private readonly ModelCell[] _slots = new ModelCell[Capacity + 1];

    public ReapingModel(ReapingFlaw flaw, string script, int rounds)
    {
        _flaw = flaw;
        _gate = NewCell("ThreadCache.Gate");
        _state = NewCell("Thread.ThreadState is WaitSleepJoin");
        _top = NewCell("bin's top", 3);
        _end = NewCell("bin's end", Capacity);
        _holes = NewCell("Magazine.Holes");
        for (int slot = 0; slot < _slots.Length; slot++)
        {
            _slots[slot] = NewCell($"slot {slot}", slot <= 3 ? slot : 0);
        }

        // Block 4 is the program's.
        Ghosts[4] = 1;
        ModelThread owner = NewThread("owner");
        owner.Program = Live(owner, script).GetEnumerator();
        ModelThread reaper = NewThread("reaper");
        reaper.Program = Reap(reaper, rounds).GetEnumerator();
    }

    public override void CheckEnd()
    {
        int[] places = new int[Blocks + 1];
        for (int slot = _top.Newest; slot > 0; slot--)
        {
            places[_slots[slot].Newest]++;
        }

        for (int block = 1; block <= Blocks; block++)
        {
            int count = places[block] + Ghosts[block] + Ghosts[InDepot + block];
            Require(count == 1, $"Block {block} is in {count} places at the end.");
        }
    }

    private IEnumerable<ModelOp> Live(ModelThread t, string script)
    {
        Queue<int> held = new([4]);
        int freedLast = 0;
        foreach (char step in script)
        {
            freedLast = step switch
            {
                'A' => 0,
                'F' => held.Count > 0 ? held.Peek() : 0,
                _ => freedLast,
            };
            IEnumerable<ModelOp> ops = step switch
            {
                'A' => Alloc(t, held),
                'F' => held.Count > 0 ? Free(t, held) : [],
                'D' => freedLast > 0 ? FreeAgain(t, freedLast) : [],
                'W' => Wait(),
                _ => throw new ArgumentException($"'{step}' is no step.", nameof(script)),
            };
            foreach (ModelOp op in ops)
            {
                yield return op;
            }
        }
    }

    private IEnumerable<ModelOp> Wait()
    {
        yield return ModelOp.Exchange(_state, 1, "the runtime: into a managed wait");
        yield return ModelOp.Exchange(_state, 0, "the runtime: out of the wait");
    }

    private IEnumerable<ModelOp> Alloc(ModelThread t, Queue<int> held)
    {
        yield return ModelOp.Load(_top, "Alloc: top = bin->AllocTop");
        int top = t.Result;
        yield return ModelOp.Load(_slots[top], "Alloc: block = *top");
        int block = t.Result;
        if (block != 0)
        {
            yield return ModelOp.Store(_top, top - 1, "Alloc: bin->AllocTop = top - 1");
            HandOut(block, held);
            yield break;
        }

        // CacheExchange.TryAlloc, as far as the magazine goes.
        yield return ModelOp.Lock(_gate, "TryAlloc: CacheGate.Close");

        yield return ModelOp.Load(_top, "TryAllocLoaded: bin->AllocTop");
        top = t.Result;
        yield return ModelOp.Load(_slots[top], "TryAllocLoaded: *bin->AllocTop");
        block = t.Result;
        if (block != 0)
        {
            yield return ModelOp.Store(_top, top - 1, "TryAllocLoaded: bin->AllocTop--");
            HandOut(block, held);
        }

        yield return ModelOp.Unlock(_gate, "TryAlloc: CacheGate.Open");
    }

    private IEnumerable<ModelOp> Free(ModelThread t, Queue<int> held)
    {
        int block = held.Dequeue();
        yield return ModelOp.Load(_top, "Free: top = bin->FreeTop");
        int top = t.Result;
        yield return ModelOp.Load(_slots[top], "Free: *top != ptr");
        Require(t.Result != block, "Free took a first free of a block for a second.");
        yield return ModelOp.Load(_end, "Free: top < bin->FreeEnd");
        if (top < t.Result)
        {
            Ghosts[block]--;
            yield return ModelOp.Store(_slots[top + 1], block, "Free: top[1] = ptr");
            yield return ModelOp.Store(_top, top + 1, "Free: bin->FreeTop = top + 1");
            yield break;
        }

        // CacheExchange.Free: closes the holes, and with no room returns the block to its span.
        yield return ModelOp.Lock(_gate, "Free: CacheGate.Close");

        Ghosts[block]--;
        yield return ModelOp.Load(_top, "BinCounts.Save: the top");
        top = t.Result;
        yield return ModelOp.Load(_holes, "BinCounts.Save: magazine->Holes");
        int holes = t.Result;
        int count = top - holes;
        for (int slot = 1; holes > 0 && slot <= count; slot++)
        {
            yield return ModelOp.Load(_slots[slot + holes], "BinCounts.Save: a slot above the holes");
            yield return ModelOp.Store(_slots[slot], t.Result, "BinCounts.Save: moved down");
        }

        if (holes > 0)
        {
            yield return ModelOp.Store(_holes, 0, "BinCounts.Save: magazine->Holes = 0");
        }

        if (count < Capacity)
        {
            yield return ModelOp.Store(_slots[count + 1], block, "Free: *++FreeTop = block, the slot");
            yield return ModelOp.Store(_top, count + 1, "Free: *++FreeTop = block, the top");
            yield return ModelOp.Store(_end, Capacity, "BinCounts.Load: side->FreeEnd");
        }
        else
        {
            Ghosts[InDepot + block]++;
        }

        yield return ModelOp.Unlock(_gate, "Free: CacheGate.Open");
    }

    // A free of a block that is free. It is the newest in the bin, or the reaper has it.
    private IEnumerable<ModelOp> FreeAgain(ModelThread t, int block)
    {
        yield return ModelOp.Load(_top, "Free again: top = bin->FreeTop");
        int top = t.Result;
        yield return ModelOp.Load(_slots[top], "Free again: *top != ptr");
        if (t.Result == block)
        {
            yield break;
        }

        yield return ModelOp.Load(_end, "Free again: top < bin->FreeEnd");
        Require(top >= t.Result, "Free took a block that was freed just before.");

        // CacheExchange.TryFree: inside the gate the block is in the bin or in its span.
        yield return ModelOp.Lock(_gate, "TryFree: CacheGate.Close");
        bool isInBin = false;
        yield return ModelOp.Load(_top, "Contains: the top");
        for (int slot = t.Result; slot > 0 && !isInBin; slot--)
        {
            yield return ModelOp.Load(_slots[slot], "Contains: a slot");
            isInBin = t.Result == block;
        }

        Require(isInBin || Ghosts[InDepot + block] > 0, "TryFree did not find a block that is free.");
        yield return ModelOp.Unlock(_gate, "TryFree: CacheGate.Open");
    }

    private void HandOut(int block, Queue<int> held)
    {
        Require(Ghosts[block] == 0, $"Block {block} was handed out twice.");
        Require(Ghosts[InDepot + block] == 0, $"Block {block} was handed out while the depot has it.");
        Ghosts[block]++;
        held.Enqueue(block);
    }

    private IEnumerable<ModelOp> Reap(ModelThread t, int rounds)
    {
        for (int round = 0; round < rounds; round++)
        {
            yield return ModelOp.Exchange(_gate, 1, "CacheGate.TryCloseOther").As(ReaperStep.CloseGate);
            if (t.Result != 0)
            {
                continue;
            }

            foreach (ModelOp op in ReapInside(t))
            {
                yield return op;
            }

            yield return ModelOp.StoreRelease(_gate, 0, "CacheGate.OpenOther").As(ReaperStep.OpenGate);
        }
    }

    private IEnumerable<ModelOp> ReapInside(ModelThread t)
    {
        yield return ModelOp.Load(_state, "TrySelect: entry.IsAtRest, the state").As(ReaperStep.CheckRest);
        bool isAtRest = t.Result != 0;
        yield return ModelOp.Fence("TrySelect: entry.IsAtRest, the barrier");
        yield return ModelOp.StoreRelease(_end, 0, "TrySelect: FreeEnd = null").As(ReaperStep.CloseBin);
        if (_flaw != ReapingFlaw.NoClosingBarrier)
        {
            yield return ModelOp.ProcessWideBarrier("ReapSome: the barrier after closing").As(ReaperStep.Barrier);
        }

        yield return ModelOp.LoadAcquire(_top, "TryGuard: ReadTop").As(ReaperStep.ReadTop);
        int guard = t.Result - (isAtRest ? 0 : 1);
        if (guard < 1)
        {
            yield break;
        }

        if (_flaw == ReapingFlaw.GuardBehindBarrier)
        {
            yield return ModelOp.ProcessWideBarrier("ReapSome: the barrier after the guards");
        }

        int guarded;
        if (_flaw == ReapingFlaw.NoGuard)
        {
            yield return ModelOp.LoadAcquire(_slots[guard], "the top's block, not guarded");
            guarded = t.Result;
        }
        else
        {
            yield return ModelOp.Exchange(_slots[guard], 0, "TryGuard: exchange(*Slot, null)").As(ReaperStep.SetGuard);
            guarded = t.Result;
        }

        if (guarded == 0)
        {
            yield break;
        }

        if (_flaw is not (ReapingFlaw.NoSecondBarrier or ReapingFlaw.GuardBehindBarrier))
        {
            yield return ModelOp.ProcessWideBarrier("ReapSome: the barrier after the guards").As(ReaperStep.Barrier);
        }

        int top = 0;
        if (_flaw == ReapingFlaw.RestAskedLate)
        {
            yield return ModelOp.LoadAcquire(_top, "Check: ReadTop, early");
            top = t.Result;
        }

        yield return ModelOp.Load(_state, "Check: IsAtRest, the state").As(ReaperStep.CheckRest);
        isAtRest = t.Result != 0 || _flaw == ReapingFlaw.RestNotAsked;
        yield return ModelOp.Fence("Check: IsAtRest, the barrier");
        if (_flaw != ReapingFlaw.RestAskedLate)
        {
            yield return ModelOp.LoadAcquire(_top, "Check: ReadTop").As(ReaperStep.ReadTop);
            top = t.Result;
        }

        if (top - (isAtRest ? 0 : 1) < guard)
        {
            yield return ModelOp.StoreRelease(_slots[guard], guarded, "Take: *Slot = Guarded").As(ReaperStep.PutBack);
            yield break;
        }

        TakeOne(guarded);
        for (int slot = guard - 1; slot > 0; slot--)
        {
            ModelOp read = ModelOp.Load(_slots[slot], "Take: *slot");
            yield return slot == guard - 1 ? read.As(ReaperStep.TakeSlots) : read;
            if (t.Result == 0)
            {
                break;
            }

            TakeOne(t.Result);
            yield return ModelOp.Store(_slots[slot], 0, "Take: *slot = null");
        }

        yield return ModelOp.Store(_holes, guard, "Take: magazine->Holes");
    }

    private void TakeOne(int block)
    {
        Require(Ghosts[block] == 0, $"The reaper took block {block} while the program has it.");
        Require(Ghosts[InDepot + block] == 0, $"The reaper took block {block} twice.");
        Ghosts[InDepot + block]++;
    }
}
