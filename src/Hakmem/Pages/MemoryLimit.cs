using System;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// How many SuperSlabs the memory limit of the process's container leaves to all heaps together.
//
// The system is asked under no lock, since the answer takes several files, which may be slow, and managed memory. So
// the arena's lock only ever sees the last answer. Whoever is refused by it asks anew when it holds no lock any more
// (TryLearn), and tries again if it was told more: a limit may be raised while the process runs. A limit may be
// lowered, too, so it is asked for after the collector's full collections, which is when the runtime looks at its own
// (Learn, on the decay's thread). Neither is done more than once in MinIntervalMs.
//
// Until an answer has come, the limit is not known: then a number of SuperSlabs is admitted at a time, and each time
// more are wanted the system is asked. An answer of which a part could not be read is none. It takes nothing from what
// is admitted and is asked for again, so that a process that is out of files for a moment neither fails nor lives
// without a limit ever after.
//
// Thread-safe. Two threads may ask at the same time; the answer to the question that was asked last stays.
internal sealed class MemoryLimit
{
    // What a container's limit leaves to all heaps together. The garbage collector allows its own heap as much by
    // default.
    public const int DefaultPercent = 75;

    // So many SuperSlabs are admitted before the system is asked, if no look has done so yet: a small program's first
    // call does not wait for it, and no container with less can run the runtime.
    private const int UnaskedSlabs = 16;

    private const long MinIntervalMs = 1_000;

    private readonly OsMemory _os;
    private readonly int _percent;
    private readonly TimeProvider? _time;
    private readonly Func<int>? _countCollections;
    private readonly UninterruptibleLock _lock = new();

    // How many SuperSlabs are admitted, and whether that is the system's answer. Written under _lock (release), the
    // second after the first; read by anyone (acquire). A reader that has only the first takes the limit for unknown
    // and asks.
    private volatile int _slabs;
    private volatile bool _isKnown;

    // While the limit is not known: the most that was refused. Then: how many were wanted when they were refused last,
    // or 0 since so many are admitted; a hint, whose loss costs one full attempt to make room. Written by whoever is
    // refused, under the arena's lock, and by TryLearn once the limit is known.
    private volatile int _refused;

    // Numbers the questions; interlocked.
    private long _questions;

    // The rest is guarded by _lock: which question the limit answers, when the answer came, and how many full
    // collections there were before.
    private long _answered;
    private long _answeredMs;
    private int _answeredCollections;

    // The part of the system's limit in percent, or 0 for no limit. The time and the number of full collections are
    // given by tests; null is the system's and the collector's.
    public MemoryLimit(OsMemory os, int percent = DefaultPercent, TimeProvider? time = null, Func<int>? countCollections = null)
    {
        _os = os;
        _percent = percent;
        _time = time;
        _countCollections = countCollections;
        _slabs = percent == 0 ? int.MaxValue : UnaskedSlabs;
        _isKnown = percent == 0;
    }

    // In bytes, as far as it is known; long.MaxValue for none.
    public long Bytes
    {
        get
        {
            int slabs = _slabs;
            return _isKnown && slabs != int.MaxValue ? (long)slabs << Geometry.SlabShift : long.MaxValue;
        }
    }

    private long NowMs => _time is null ? Environment.TickCount64 : (long)_time.GetElapsedTime(0).TotalMilliseconds;

    private int Collections => _countCollections is null ? GC.CollectionCount(GC.MaxGeneration) : _countCollections();

    // Whether so many may be taken at a time. Under the arena's lock.
    public bool Admits(int slabs)
    {
        if (slabs <= _slabs)
        {
            return true;
        }

        _refused = _isKnown ? slabs : Math.Max(_refused, slabs);
        return false;
    }

    // After something could not be had, under no lock: asks the system again if this limit may be why. Whether another
    // try may have more.
    public bool TryLearn()
    {
        if (!_isKnown)
        {
            // Also where another thread is asking: its answer may come too late for this one's next try.
            Ask();
            return true;
        }

        int refused = _refused;
        if (refused == 0)
        {
            return false;
        }

        if (IsDue())
        {
            Ask();
        }

        if (refused > _slabs)
        {
            return false;
        }

        _refused = 0;
        return true;
    }

    // Asks the system if the answer is not known yet, or the collector has collected everything since. Under no lock,
    // on a thread that has the time.
    public void Learn()
    {
        if (!_isKnown || (_percent != 0 && HasCollected() && IsDue()))
        {
            Ask();
        }
    }

    private bool IsDue()
    {
        using (_lock.Enter())
        {
            return NowMs - _answeredMs >= MinIntervalMs;
        }
    }

    private bool HasCollected()
    {
        int collections = Collections;
        using (_lock.Enter())
        {
            return collections != _answeredCollections;
        }
    }

    private void Ask()
    {
        long question = Interlocked.Increment(ref _questions);
        int collections = Collections;
        bool isComplete = TryRead(out long bytes);
        int slabs = bytes == long.MaxValue
            ? int.MaxValue
            : (int)Math.Clamp((bytes / 100 * _percent) >> Geometry.SlabShift, UnaskedSlabs + 1, int.MaxValue);
        long now = NowMs;
        using (_lock.Enter())
        {
            if (question < _answered)
            {
                return;
            }

            _answered = question;
            _answeredMs = now;
            if (isComplete)
            {
                _answeredCollections = collections;
                _slabs = slabs;
                _isKnown = true;
            }
            else
            {
                // What could be read may be less than is admitted now.
                _slabs = Math.Min(slabs, _isKnown ? _slabs : Math.Max(_slabs, _refused + UnaskedSlabs));
            }
        }
    }

    private bool TryRead(out long bytes)
    {
        try
        {
            return _os.TryReadMemoryLimit(out bytes);
        }
        catch (OutOfMemoryException)
        {
            // The garbage-collected memory is out, which is no reason why this heap's should be refused.
            bytes = long.MaxValue;
            return false;
        }
    }
}
