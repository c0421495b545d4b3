using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// How many SuperSlabs all heaps together may take under the memory limit of the process's container.
//
// The system is asked under no lock, since the answer needs several files, which may be slow, and managed memory. Under
// the arena's lock only the last answer is used. A thread whose request it refuses asks again after it has left all
// locks (TryRefresh), and retries if the limit is higher: a limit may be raised while the process runs. A limit may be
// lowered, too, so the timer's thread asks after full garbage collections, when the runtime reads its own limit as well
// (Refresh). Both ask at most once in MinIntervalMs.
//
// Until the first answer the limit is unknown: a few SuperSlabs are admitted, then the system is asked each time that
// more are requested. An answer is incomplete if a part of it could not be read. An incomplete answer does not reduce
// what is admitted, and the system is asked again, so that a process that is out of file descriptors for a moment
// neither fails nor runs without a limit afterwards.
//
// Thread-safe. Two threads may ask at the same time; the answer to the later question prevails.
internal sealed class MemoryLimit
{
    // The part of a container's limit for all heaps together; the garbage collector's default for its own heap.
    public const int DefaultPercent = 75;

    // SuperSlabs that are admitted before the first answer: the first call of a small program does not wait for the
    // system, and the runtime itself needs a container with more.
    private const int SlabsBeforeLimitCheck = 16;

    private const long MinIntervalMs = 1_000;

    private readonly OsMemory _os;
    private readonly TimeProvider? _time;
    private readonly Func<int>? _countCollections;
    private readonly UninterruptibleLock _lock = new();

    // The part of the system's limit; 0 for none. Written under _lock, before the question that uses it gets its
    // number; read after that.
    private volatile int _percent;

    // The SuperSlabs that are admitted, and whether that is the system's answer. Written under _lock (release) in this
    // order; read by any thread (acquire). A reader that sees only the first asks the system.
    private volatile int _slabs;
    private volatile bool _isKnown;

    // While the limit is unknown: the largest number that was refused. Then the last one, or 0 once it is admitted; a
    // lost one costs an allocation a full attempt to make room. Written by Admits, under the arena's lock, by
    // TryRefresh and by SetPercent.
    private volatile int _refused;

    // The number of the last question; interlocked.
    private long _questions;

    // Guarded by _lock: the question that was answered, when, and the number of full collections before it.
    private long _answered;
    private long _answeredMs;
    private int _answeredCollections;

    // percent: the part of the system's limit, or 0 for no limit. Tests pass their own time and number of full
    // collections; null stands for the system's and the collector's.
    public MemoryLimit(
        OsMemory os, int percent = DefaultPercent, TimeProvider? time = null, Func<int>? countCollections = null)
    {
        _os = os;
        _percent = percent;
        _time = time;
        _countCollections = countCollections;
        _slabs = percent == 0 ? int.MaxValue : SlabsBeforeLimitCheck;
        _isKnown = percent == 0;
    }

    // The limit in bytes; long.MaxValue if there is none or it is unknown.
    public long Bytes
    {
        get
        {
            int slabs = _slabs;
            return _isKnown && slabs != int.MaxValue ? (long)slabs << Geometry.SlabShift : long.MaxValue;
        }
    }

    public int Percent => _percent;

    private long NowMs => _time is null ? Environment.TickCount64 : (long)_time.GetElapsedTime(0).TotalMilliseconds;

    private int Collections => _countCollections is null ? GC.CollectionCount(GC.MaxGeneration) : _countCollections();

    // Whether that many may be taken at a time. Under the arena's lock, which Arena checks.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Admits(int slabs)
    {
        if (slabs <= _slabs)
        {
            return true;
        }

        _refused = _isKnown ? slabs : Math.Max(_refused, slabs);
        return false;
    }

    // After a refusal: asks again if this limit may be the reason; whether another try may succeed. Under no lock.
    public bool TryRefresh()
    {
        if (!_isKnown)
        {
            // Also if another thread is asking: its answer may come too late for this thread's next try.
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

    // Asks the system if the limit is unknown, or after a full collection. Takes time. Under no lock.
    public void Refresh()
    {
        if (!_isKnown || (_percent != 0 && HasCollected() && IsDue()))
        {
            Ask();
        }
    }

    // Replaces the part. Takes time. Under no lock.
    public void SetPercent(int percent)
    {
        using (_lock.Enter())
        {
            // An answer to an earlier question is one for the old part.
            _percent = percent;
            _answered = Interlocked.Increment(ref _questions);
            if (percent == 0)
            {
                _slabs = int.MaxValue;
                _isKnown = true;
                return;
            }

            // Unknown first: a refusal by what follows then asks the system. What was admitted under another part is
            // admitted until the answer, unless that was everything; what was refused is forgotten.
            _isKnown = false;
            _refused = 0;
            _slabs = _slabs == int.MaxValue ? SlabsBeforeLimitCheck : _slabs;
        }

        Ask();
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
        int percent = _percent;
        bool isComplete = TryRead(out long bytes);
        int slabs = percent == 0 || bytes == long.MaxValue
            ? int.MaxValue
            : (int)Math.Clamp((bytes / 100 * percent) >> Geometry.SlabShift, SlabsBeforeLimitCheck + 1, int.MaxValue);
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
                // The part that could be read may be lower than what is admitted.
                _slabs = Math.Min(slabs, _isKnown ? _slabs : Math.Max(_slabs, _refused + SlabsBeforeLimitCheck));
            }
        }
    }

    // An answer that managed memory was too short for is incomplete: that is no reason to refuse native memory. Taking
    // long texts apart rents from the framework's shared array pool, hence FrameworkCall.
    private unsafe bool TryRead(out long bytes)
    {
        Answer answer = new() { Os = _os, Bytes = long.MaxValue };
        bool isDone = FrameworkCall.IsDone(ref answer, &Read);
        bytes = isDone ? answer.Bytes : long.MaxValue;
        return isDone && answer.IsComplete;

        static void Read(ref Answer answer) =>
            answer.IsComplete = answer.Os.TryReadMemoryLimit(out answer.Bytes);
    }

    private struct Answer
    {
        public OsMemory Os;
        public long Bytes;
        public bool IsComplete;
    }
}
