using System.Collections.Generic;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Concurrency;

// The exchange of magazines. One thread allocates a block from a new span and passes it to another thread (by the
// program's own release and acquire), which frees it and exchanges the full magazine for an empty one
// (CacheExchange.Free, Depot.ExchangeForEmpty). Two threads exchange empty magazines for full ones
// (CacheExchange.TryAlloc, Depot.ExchangeForFull).
//
// Checked: no block is held twice or lost; a thread that frees a block finds its page map entry; a thread that gets a
// block sees what was last written to it.
internal sealed class DepotModel : Model
{
    private const int Magazines = 5;
    private const int Blocks = 2;

    private readonly DepotFlaw _flaw;
    private readonly ModelCell _lock;
    private readonly ModelCell _full;
    private readonly ModelCell _empty;
    private readonly ModelCell _entry;
    private readonly ModelCell _mailbox;
    private readonly ModelCell[] _next = new ModelCell[Magazines];
    private readonly ModelCell[] _count = new ModelCell[Magazines];
    private readonly ModelCell[] _slots = new ModelCell[Magazines];
    private readonly ModelCell[] _contents = new ModelCell[Blocks + 1];

    public DepotModel(DepotFlaw flaw)
    {
        _flaw = flaw;
        _lock = NewCell("Depot._lock");

        // Each magazine has a capacity of 1. In the depot, magazine 1 is full with block 1 and magazine 2 is empty; 3
        // is the freeing thread's, 4 and 0 are those of the threads that allocate.
        _full = NewCell("Depot._full", 1);
        _empty = NewCell("Depot._empty", 2);
        _entry = NewCell("page map entry");
        _mailbox = NewCell("the program's mailbox");
        for (int magazine = 0; magazine < Magazines; magazine++)
        {
            _next[magazine] = NewCell($"Magazine {magazine}.Next");
            _count[magazine] = NewCell($"Magazine {magazine}.Count", magazine == 1 ? 1 : 0);
            _slots[magazine] = NewCell($"slot 0 of magazine {magazine}", magazine == 1 ? 1 : 0);
        }

        for (int block = 0; block <= Blocks; block++)
        {
            _contents[block] = NewCell($"contents of block {block}");
        }

        ModelThread maker = NewThread("maker");
        maker.Program = Make(maker).GetEnumerator();
        ModelThread freer = NewThread("freer");
        freer.Program = Free(freer).GetEnumerator();
        foreach (int magazine in new[] { 4, 5 })
        {
            ModelThread taker = NewThread($"taker {magazine}");
            taker.Program = Take(taker, magazine).GetEnumerator();
        }
    }

    public override void CheckEnd()
    {
        // A block that nobody holds is in a full magazine of the depot.
        int[] places = [0, Ghosts[1], Ghosts[2]];
        int steps = 0;
        for (int magazine = _full.Newest; magazine != 0; magazine = _next[Index(magazine)].Newest)
        {
            Require(++steps <= Magazines, "The list of full magazines goes in a circle.");
            Require(_count[Index(magazine)].Newest == 1, $"Magazine {magazine} is in the list of full ones and empty.");
            places[_slots[Index(magazine)].Newest]++;
        }

        Require(places[1] == 1, $"Block 1 is in {places[1]} places.");
        Require(places[2] == 1, $"Block 2 is in {places[2]} places.");
    }

    // Magazines have the numbers 1 to 5, as 0 is null.
    private static int Index(int magazine) => magazine % Magazines;

    // SpanSet.TryAddSpan and the hand-over of its first block.
    private IEnumerable<ModelOp> Make(ModelThread t)
    {
        yield return ModelOp.Lock(_lock, "Depot.TryAllocOne: lock (_lock)");
        yield return ModelOp.Store(_entry, 1, "SpanSet.TryAddSpan: arena.SetEntries");
        yield return ModelOp.Unlock(_lock, "Depot.TryAllocOne: end of lock");
        Ghosts[2]++;
        yield return ModelOp.Store(_contents[2], 20, "the program writes to block 2");
        yield return _flaw == DepotFlaw.PlainHandOver
            ? ModelOp.Store(_mailbox, 2, "the program hands block 2 over, plainly")
            : ModelOp.StoreRelease(_mailbox, 2, "the program hands block 2 over");
    }

    private IEnumerable<ModelOp> Free(ModelThread t)
    {
        yield return ModelOp.LoadAcquire(_mailbox, "the program looks for a block");
        if (t.Result == 0)
        {
            yield break;
        }

        yield return ModelOp.Load(_entry, "Free: entry = PageMap[...]");
        Require(t.Result != 0, "Free found no page map entry for a live block.");
        yield return ModelOp.Load(_contents[2], "the program reads block 2");
        Require(t.Result == 20, "The program did not find in the block what was written before it was handed over.");
        yield return ModelOp.Store(_contents[2], 21, "the program writes to block 2");
        Ghosts[2]--;
        yield return ModelOp.Store(_slots[3], 2, "Free: top[1] = ptr");

        // The next block would not fit: CacheExchange.Free.
        if (_flaw != DepotFlaw.CountAfterGivingAway)
        {
            yield return ModelOp.Store(_count[3], 1, "BinCounts.Save: bin->Secondary->Count");
        }

        yield return ModelOp.Lock(_lock, "Depot.ExchangeForEmpty: lock (_lock)");
        yield return ModelOp.Load(_empty, "Depot.ExchangeForEmpty: magazine = _empty");
        int empty = t.Result;
        Require(empty != 0, "The depot's empty magazine is gone.");
        yield return ModelOp.Load(_next[Index(empty)], "Depot.Pop: magazine->Next");
        yield return ModelOp.Store(_empty, t.Result, "Depot.Pop: list = magazine->Next");
        yield return ModelOp.Load(_full, "Depot.Push: list");
        int next = t.Result;
        if (_flaw != DepotFlaw.NextAfterUnlock)
        {
            yield return ModelOp.Store(_next[3], next, "Depot.Push: magazine->Next = list");
        }

        yield return ModelOp.Store(_full, 3, "Depot.Push: list = magazine");
        yield return Unlock("Depot.ExchangeForEmpty: end of lock");
        if (_flaw == DepotFlaw.NextAfterUnlock)
        {
            yield return ModelOp.Store(_next[3], next, "Depot.Push: magazine->Next = list, late");
        }

        if (_flaw == DepotFlaw.CountAfterGivingAway)
        {
            yield return ModelOp.Store(_count[3], 1, "BinCounts.Save: bin->Secondary->Count, late");
        }
    }

    private IEnumerable<ModelOp> Take(ModelThread t, int empty)
    {
        int early = 0;
        if (_flaw == DepotFlaw.CheckBeforeLock)
        {
            yield return ModelOp.Load(_full, "Depot.ExchangeForFull: magazine = _full, before the lock");
            early = t.Result;
        }

        if (_flaw != DepotFlaw.NoLock)
        {
            yield return ModelOp.Lock(_lock, "Depot.ExchangeForFull: lock (_lock)");
        }

        int magazine = early;
        if (_flaw != DepotFlaw.CheckBeforeLock)
        {
            yield return ModelOp.Load(_full, "Depot.ExchangeForFull: magazine = _full");
            magazine = t.Result;
        }

        if (magazine != 0)
        {
            yield return ModelOp.Load(_next[Index(magazine)], "Depot.ExchangeForFull: magazine->Next");
            yield return ModelOp.Store(_full, t.Result, "Depot.ExchangeForFull: _full = magazine->Next");
            yield return ModelOp.Load(_empty, "Depot.Push: list");
            yield return ModelOp.Store(_next[Index(empty)], t.Result, "Depot.Push: magazine->Next = list");
            yield return ModelOp.Store(_empty, empty, "Depot.Push: list = magazine");
        }

        if (_flaw != DepotFlaw.NoLock)
        {
            yield return Unlock("Depot.ExchangeForFull: end of lock");
        }

        if (magazine == 0)
        {
            yield break;
        }

        yield return ModelOp.Load(_count[Index(magazine)], "BinCounts.Load: primary->Count");
        Require(t.Result == 1, $"Magazine {magazine} came full from the depot, but its count is {t.Result}.");
        yield return ModelOp.Load(_slots[Index(magazine)], "TryAlloc: *bin->AllocTop--");
        int block = t.Result;
        Require(block != 0, $"Magazine {magazine} came full from the depot, but its slot has nothing.");
        Ghosts[block]++;
        Require(Ghosts[block] == 1, $"Block {block} was handed out twice.");
        yield return ModelOp.Load(_contents[block], "the program reads the block");
        Require(block == 1 || t.Result == 21, "The new holder does not see what was written before the free.");
    }

    private ModelOp Unlock(string text) =>
        _flaw == DepotFlaw.PlainUnlock ? ModelOp.Store(_lock, 0, text + ", plainly") : ModelOp.Unlock(_lock, text);
}
