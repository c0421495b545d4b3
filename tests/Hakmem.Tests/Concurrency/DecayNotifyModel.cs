using System.Collections.Generic;
using Hakmem.Reclaim;

namespace Hakmem.Tests.Concurrency;

// A scheduled heap that the timer is about to remove, beside threads that free and notify (DecayTarget.NotifyUsed,
// DecayTimer.Reschedule and Schedule). The timer is due once in the model whenever the heap is listed; the framework's
// timer, which only follows from that, is left out.
//
// Checked: each free was seen by a run of Decay, or the timer has the heap listed and will run it.
internal sealed class DecayNotifyModel : Model
{
    private readonly DecayNotifyFlaw _flaw;
    private readonly ModelCell _lock;
    private readonly ModelCell _used;
    private readonly ModelCell _dueSoon;
    private readonly ModelCell _listed;
    private readonly ModelCell[] _freed;

    // Which of the threads' frees a run has seen, from 0 on.
    private readonly int _threads;

    public DecayNotifyModel(DecayNotifyFlaw flaw, int threads, int runs)
    {
        _flaw = flaw;
        _threads = threads;
        _lock = NewCell("DecayTimer._lock");
        _used = NewCell("DecayTarget._isUsed");
        _dueSoon = NewCell("DecayTarget._isDueSoon", 1);
        _listed = NewCell("TimerEntry.IsListed", 1);
        _freed = new ModelCell[threads];
        for (int i = 0; i < threads; i++)
        {
            _freed[i] = NewCell($"what thread {i} freed");
        }

        for (int i = 0; i < threads; i++)
        {
            ModelThread thread = NewThread($"thread {i}");
            thread.Program = FreeAndNotify(thread, _freed[i]).GetEnumerator();
        }

        ModelThread timer = NewThread("timer");
        timer.Program = Run(timer, runs).GetEnumerator();
    }

    public override void CheckEnd()
    {
        for (int i = 0; i < _threads; i++)
        {
            Require(Ghosts[i] != 0 || _listed.Newest != 0, $"No run has seen what thread {i} freed, and none will.");
        }
    }

    private IEnumerable<ModelOp> FreeAndNotify(ModelThread t, ModelCell freed)
    {
        if (_flaw != DecayNotifyFlaw.NotifiedBeforeFree)
        {
            foreach (ModelOp op in Free(freed))
            {
                yield return op;
            }
        }

        yield return ModelOp.LoadAcquire(_used, "NotifyUsed: IsUsed");
        if (t.Result == 0)
        {
            foreach (ModelOp op in MarkUsed(t))
            {
                yield return op;
            }
        }

        if (_flaw == DecayNotifyFlaw.NotifiedBeforeFree)
        {
            foreach (ModelOp op in Free(freed))
            {
                yield return op;
            }
        }
    }

    // What is freed under a lock, here one word, is there for all when the lock's exit, an interlocked exchange, is
    // done. (What goes into a cache is made visible by the reaper's process-wide barrier, see ReapingModel.)
    private static IEnumerable<ModelOp> Free(ModelCell freed)
    {
        yield return ModelOp.Exchange(freed, 1, "Free: under the depot's lock");
        yield return ModelOp.Fence("Free: the lock's exit, a full fence");
    }

    private IEnumerable<ModelOp> MarkUsed(ModelThread t)
    {
        bool isDueSoon = false;
        if (_flaw == DecayNotifyFlaw.DueSoonReadFirst)
        {
            yield return ModelOp.LoadAcquire(_dueSoon, "MarkUsed: IsDueSoon, early");
            isDueSoon = t.Result != 0;
        }

        if (_flaw == DecayNotifyFlaw.UsedWrittenPlainly)
        {
            yield return ModelOp.Store(_used, 1, "MarkUsed: _isUsed = 1, plainly");
        }
        else
        {
            yield return ModelOp.Exchange(_used, 1, "MarkUsed: Interlocked.Exchange(ref _isUsed, 1)");
            yield return ModelOp.Fence("MarkUsed: the same, a full fence");
        }

        if (_flaw != DecayNotifyFlaw.DueSoonReadFirst)
        {
            yield return ModelOp.LoadAcquire(_dueSoon, "MarkUsed: IsDueSoon");
            isDueSoon = t.Result != 0;
        }

        if (!isDueSoon)
        {
            foreach (ModelOp op in Schedule())
            {
                yield return op;
            }
        }
    }

    private IEnumerable<ModelOp> Schedule()
    {
        yield return ModelOp.Lock(_lock, "Schedule: _lock.Enter");
        yield return ModelOp.StoreRelease(_dueSoon, 1, "Enqueue: heap.IsDueSoon = true");
        yield return ModelOp.Store(_listed, 1, "Enqueue: entry.IsListed = true");
        yield return ModelOp.Unlock(_lock, "Schedule: _lock.Exit");
    }

    private IEnumerable<ModelOp> Run(ModelThread t, int runs)
    {
        for (int run = 0; run < runs; run++)
        {
            yield return ModelOp.Lock(_lock, "OnTimer: _lock.Enter");
            yield return ModelOp.Load(_listed, "ChainDue: is the heap listed?");
            bool isListed = t.Result != 0;
            yield return ModelOp.Unlock(_lock, "OnTimer: _lock.Exit");
            if (!isListed)
            {
                yield break;
            }

            bool wasUsed = false;
            if (_flaw != DecayNotifyFlaw.UsedTakenLast)
            {
                yield return ModelOp.Exchange(_used, 0, "Decay: TakeUsed");
                wasUsed = t.Result != 0;
                yield return ModelOp.Fence("Decay: TakeUsed, a full fence");
            }

            for (int i = 0; i < _threads; i++)
            {
                yield return ModelOp.LoadAcquire(_freed[i], "Decay: what there is to return, under the depot's lock");
                Ghosts[i] |= t.Result;
            }

            if (_flaw == DecayNotifyFlaw.UsedTakenLast)
            {
                yield return ModelOp.Exchange(_used, 0, "Decay: TakeUsed, last");
            }

            foreach (ModelOp op in Reschedule(t, wasUsed))
            {
                yield return op;
            }
        }
    }

    private IEnumerable<ModelOp> Reschedule(ModelThread t, bool wasUsed)
    {
        if (wasUsed)
        {
            // Listed still, and due in an interval.
            yield return ModelOp.Lock(_lock, "Reschedule: _lock.Enter");
            yield return ModelOp.StoreRelease(_dueSoon, 1, "Reschedule: heap.IsDueSoon = true");
            yield return ModelOp.Unlock(_lock, "Reschedule: _lock.Exit");
            yield break;
        }

        bool isUsed = false;
        if (_flaw == DecayNotifyFlaw.SecondCheckFirst)
        {
            yield return ModelOp.LoadAcquire(_used, "Reschedule: heap.IsUsed, early");
            isUsed = t.Result != 0;
        }

        yield return ModelOp.Lock(_lock, "Reschedule: _lock.Enter");
        yield return ModelOp.StoreRelease(_dueSoon, 0, "Dequeue: heap.IsDueSoon = false");
        yield return ModelOp.Store(_listed, 0, "Dequeue: entry.IsListed = false");
        yield return ModelOp.Unlock(_lock, "Reschedule: _lock.Exit");
        if (_flaw is not (DecayNotifyFlaw.NoFence or DecayNotifyFlaw.NoSecondCheck or DecayNotifyFlaw.SecondCheckFirst))
        {
            yield return ModelOp.Fence("Reschedule: Interlocked.MemoryBarrier");
        }

        if (_flaw is not (DecayNotifyFlaw.NoSecondCheck or DecayNotifyFlaw.SecondCheckFirst))
        {
            yield return ModelOp.LoadAcquire(_used, "Reschedule: heap.IsUsed");
            isUsed = t.Result != 0;
        }

        if (isUsed)
        {
            foreach (ModelOp op in Schedule())
            {
                yield return op;
            }
        }
    }
}
