using System.Collections.Generic;
using Hakmem.Reclaim;

namespace Hakmem.Tests.Concurrency;

// A heap that the timer has, and is about to let rest, beside threads that free and use it (DecayTarget.NotifyUsed,
// DecayTimer.Reschedule and Schedule). The timer is due once in the model whenever the heap is listed; the framework's
// timer, which only follows from that, is left out.
//
// Checked: whatever was freed has been looked at, or the timer has the heap and will look.
internal sealed class DecayNotifyModel : Model
{
    private readonly TouchFlaw _flaw;
    private readonly ModelCell _lock;
    private readonly ModelCell _touched;
    private readonly ModelCell _dueSoon;
    private readonly ModelCell _listed;
    private readonly ModelCell[] _freed;

    // Which of the threads' frees a look has seen, from 0 on.
    private readonly int _threads;

    public DecayNotifyModel(TouchFlaw flaw, int threads, int looks)
    {
        _flaw = flaw;
        _threads = threads;
        _lock = NewCell("DecayTimer._lock");
        _touched = NewCell("DecayTarget._isUsed");
        _dueSoon = NewCell("DecayTarget._isDueSoon", 1);
        _listed = NewCell("DecayTarget.IsListed", 1);
        _freed = new ModelCell[threads];
        for (int i = 0; i < threads; i++)
        {
            _freed[i] = NewCell($"what thread {i} freed");
        }

        for (int i = 0; i < threads; i++)
        {
            ModelThread thread = NewThread($"thread {i}");
            thread.Program = FreeAndTouch(thread, _freed[i]).GetEnumerator();
        }

        ModelThread timer = NewThread("timer");
        timer.Program = Look(timer, looks).GetEnumerator();
    }

    public override void CheckEnd()
    {
        for (int i = 0; i < _threads; i++)
        {
            Require(Ghosts[i] != 0 || _listed.Newest != 0, $"Nobody has seen what thread {i} freed, and nobody is going to look.");
        }
    }

    private IEnumerable<ModelOp> FreeAndTouch(ModelThread t, ModelCell freed)
    {
        if (_flaw != TouchFlaw.TouchedBeforeFree)
        {
            foreach (ModelOp op in Free(freed))
            {
                yield return op;
            }
        }

        yield return ModelOp.LoadAcquire(_touched, "Touch: IsUsed");
        if (t.Result == 0)
        {
            foreach (ModelOp op in MarkUsed(t))
            {
                yield return op;
            }
        }

        if (_flaw == TouchFlaw.TouchedBeforeFree)
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
        if (_flaw == TouchFlaw.DueSoonReadFirst)
        {
            yield return ModelOp.LoadAcquire(_dueSoon, "MarkUsed: IsDueSoon, early");
            isDueSoon = t.Result != 0;
        }

        if (_flaw == TouchFlaw.TouchedWrittenPlainly)
        {
            yield return ModelOp.Store(_touched, 1, "MarkUsed: _isUsed = 1, plainly");
        }
        else
        {
            yield return ModelOp.Exchange(_touched, 1, "MarkUsed: Interlocked.Exchange(ref _isUsed, 1)");
            yield return ModelOp.Fence("MarkUsed: the same, a full fence");
        }

        if (_flaw != TouchFlaw.DueSoonReadFirst)
        {
            yield return ModelOp.LoadAcquire(_dueSoon, "MarkUsed: IsDueSoon");
            isDueSoon = t.Result != 0;
        }

        if (!isDueSoon)
        {
            foreach (ModelOp op in Wake())
            {
                yield return op;
            }
        }
    }

    private IEnumerable<ModelOp> Wake()
    {
        yield return ModelOp.Lock(_lock, "Wake: _lock.Enter");
        yield return ModelOp.StoreRelease(_dueSoon, 1, "List: heap.IsDueSoon = true");
        yield return ModelOp.Store(_listed, 1, "List: heap.IsListed = true");
        yield return ModelOp.Unlock(_lock, "Wake: _lock.Exit");
    }

    private IEnumerable<ModelOp> Look(ModelThread t, int looks)
    {
        for (int look = 0; look < looks; look++)
        {
            yield return ModelOp.Lock(_lock, "Look: _lock.Enter");
            yield return ModelOp.Load(_listed, "ChainDue: is the heap listed?");
            bool isListed = t.Result != 0;
            yield return ModelOp.Unlock(_lock, "Look: _lock.Exit");
            if (!isListed)
            {
                yield break;
            }

            bool wasTouched = false;
            if (_flaw != TouchFlaw.TouchTakenLast)
            {
                yield return ModelOp.Exchange(_touched, 0, "Decay: TakeUsed");
                wasTouched = t.Result != 0;
                yield return ModelOp.Fence("Decay: TakeUsed, a full fence");
            }

            for (int i = 0; i < _threads; i++)
            {
                yield return ModelOp.LoadAcquire(_freed[i], "Decay: what is there to give back, under the depot's lock");
                Ghosts[i] |= t.Result;
            }

            if (_flaw == TouchFlaw.TouchTakenLast)
            {
                yield return ModelOp.Exchange(_touched, 0, "Decay: TakeUsed, last");
            }

            foreach (ModelOp op in Note(t, wasTouched))
            {
                yield return op;
            }
        }
    }

    private IEnumerable<ModelOp> Note(ModelThread t, bool wasTouched)
    {
        if (wasTouched)
        {
            // Listed still, and due in an interval.
            yield return ModelOp.Lock(_lock, "Note: _lock.Enter");
            yield return ModelOp.StoreRelease(_dueSoon, 1, "Note: heap.IsDueSoon = true");
            yield return ModelOp.Unlock(_lock, "Note: _lock.Exit");
            yield break;
        }

        bool isTouched = false;
        if (_flaw == TouchFlaw.SecondLookFirst)
        {
            yield return ModelOp.LoadAcquire(_touched, "Note: heap.IsUsed, early");
            isTouched = t.Result != 0;
        }

        yield return ModelOp.Lock(_lock, "Note: _lock.Enter");
        yield return ModelOp.StoreRelease(_dueSoon, 0, "Unlist: heap.IsDueSoon = false");
        yield return ModelOp.Store(_listed, 0, "Unlist: heap.IsListed = false");
        yield return ModelOp.Unlock(_lock, "Note: _lock.Exit");
        if (_flaw is not (TouchFlaw.NoFence or TouchFlaw.NoSecondLook or TouchFlaw.SecondLookFirst))
        {
            yield return ModelOp.Fence("Note: Interlocked.MemoryBarrier");
        }

        if (_flaw is not (TouchFlaw.NoSecondLook or TouchFlaw.SecondLookFirst))
        {
            yield return ModelOp.LoadAcquire(_touched, "Note: heap.IsUsed");
            isTouched = t.Result != 0;
        }

        if (isTouched)
        {
            foreach (ModelOp op in Wake())
            {
                yield return op;
            }
        }
    }
}
