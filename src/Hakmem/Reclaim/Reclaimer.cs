using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Reclaim;

// What a heap does for an allocation that failed: has everything unused given back, or finds that this would be in
// vain.
//
// To give back disturbs every thread of the heap: gates close, processors take a barrier, caches are empty afterwards.
// A program that sends requests which cannot be served, as whoever may name a size can make it do, must not be able to
// do that to the others at will. So after a vain round there is another one only if
//
//   - fewer bytes are live than at the vain round: something was freed since. That is told at once, and each fall pays for one round.
//   - or the request is smaller than the one that failed.
//   - or blocks moved at all since, and no other thread has a cache of the heap, so that nobody is disturbed.
//   - or blocks moved at all since, or some were left in caches that could not be emptied, and the last round was long enough ago. What was
//     freed while as much was allocated is not told by the live bytes, nor is a fall that a racing reading hides. These rounds take at
//     most one part in RestFactor of the time.
//
// Live bytes are what spans have handed out less what lies in caches and depots, as in statistics: read without a
// barrier and beside threads that go on, so that a magazine that changes hands may be counted twice or not at all.
// Frees into a cache are counted nowhere (the fast path has no counter), so that a reading visits every cache, and
// takes the lines that its thread is writing. Therefore readings keep a distance while they find blocks moving, which
// the failing thread waits out.
//
// What is freed to a span, a SuperSlab or the arena needs no round: the failing thread tries once more in any case.
//
// Thread-safe: one lock, above the decay's. Whoever waited for it while another read or gave back takes that thread's
// result.
internal sealed unsafe class Reclaimer(
    HeapDecay decay, DepotSet depots, ThreadCacheRegistry registry, CacheExchange exchange, SizeClassInfo[] classes)
{
    // A round that is due by time alone comes this many times its duration after the last one. It costs the others more
    // than its duration, since their caches are empty after it.
    private const int RestFactor = 64;

    private static readonly long s_maxRestTicks = Stopwatch.Frequency;

    // From a reading that found blocks moving to the next: so many times what it took, from 400 us (a neighbour has
    // written some tens of lines in that time that a reading takes from it) to 2 ms (a reading may have been stopped
    // in the middle).
    private const int DistanceFactor = 16;
    private static readonly long s_minDistanceTicks = Stopwatch.Frequency / 2_500;
    private static readonly long s_maxDistanceTicks = Stopwatch.Frequency / 500;

    private const int SpinsPerTurn = 32;

    private readonly UninterruptibleLock _lock = new();

    // How many readings that decide have begun. Written under the lock (release), read before it is taken (acquire).
    private long _readings;

    // All below is guarded by the lock.
    private readonly long[] _cached = new long[classes.Length];
    private ulong _lastPlacement;
    private long _nextReadAt;
    private long _rounds;

    // The last vain round, or one that is not known yet to have been of use: for how many bytes (ulong.MaxValue if
    // there was none), the live bytes before it, how blocks lay after it, and when the next may come by time alone.
    private ulong _vainBytes = ulong.MaxValue;
    private long _vainLiveBytes;
    private ulong _vainPlacement;
    private bool _hasEmptiedCaches;
    private long _nextByTime;

    // How often everything unused was given back for an allocation.
    public long Rounds
    {
        get
        {
            using (_lock.Enter())
            {
                return _rounds;
            }
        }
    }

    // Gives back what is not in use, if that may serve a request of so many bytes (or such an alignment) that failed
    // just now; whether it did. cache is the calling thread's, or null. corruptAddress is that of a block found free
    // already, or 0.
    public bool TryReclaim(ThreadCache* cache, ulong bytes, out nuint corruptAddress)
    {
        long arrival = Volatile.Read(ref _readings);
        corruptAddress = 0;
        using (_lock.Enter())
        {
            if (_readings > arrival && bytes >= _vainBytes)
            {
                // Read, and given back if that was worth it, since this request failed.
                return false;
            }

            Volatile.Write(ref _readings, _readings + 1);
            long live = Read(out ulong placement, out _);
            if (!IsWorthwhile(bytes, live, placement))
            {
                return false;
            }

            long begin = Stopwatch.GetTimestamp();
            if (cache != null)
            {
                exchange.FlushAll(cache);
            }

            corruptAddress = decay.Reclaim();
            _rounds++;

            // In vain until Forget says otherwise. What was freed while it went on counts as freed since.
            _vainBytes = bytes;
            _vainLiveBytes = live;
            Read(out _vainPlacement, out _hasEmptiedCaches);
            long now = Stopwatch.GetTimestamp();
            _nextByTime = now + Math.Min((now - begin) * RestFactor, s_maxRestTicks);
            return true;
        }
    }

    // After a round that was not in vain.
    public void ForgetFailure()
    {
        using (_lock.Enter())
        {
            _vainBytes = ulong.MaxValue;
        }
    }

    private bool IsWorthwhile(ulong bytes, long live, ulong placement) =>
        bytes < _vainBytes ||
        live < _vainLiveBytes ||
        (placement != _vainPlacement && registry.Count <= 1) ||
        ((placement != _vainPlacement || !_hasEmptiedCaches) && Stopwatch.GetTimestamp() >= _nextByTime);

    // Gives the bytes of small blocks that callers hold, a number that changes with how many blocks lie where, and
    // whether the caches are empty.
    private long Read(out ulong placement, out bool areCachesEmpty)
    {
        while (Stopwatch.GetTimestamp() < _nextReadAt)
        {
            Thread.SpinWait(SpinsPerTurn);
        }

        long begin = Stopwatch.GetTimestamp();
        Array.Clear(_cached, 0, _cached.Length);
        registry.CountBlocks(_cached);
        long live = 0;
        placement = 0;
        areCachesEmpty = true;
        for (int index = 0; index < _cached.Length; index++)
        {
            (long blocksOut, long blocksHere, _) = depots.Find(index)?.Count() ?? default;
            live += (blocksOut - blocksHere - _cached[index]) * classes[index].BlockBytes;
            placement = Mix(Mix(Mix(placement, blocksOut), blocksHere), _cached[index]);
            areCachesEmpty &= _cached[index] == 0;
        }

        long now = Stopwatch.GetTimestamp();
        long distance = Math.Clamp((now - begin) * DistanceFactor, s_minDistanceTicks, s_maxDistanceTicks);
        _nextReadAt = placement == _lastPlacement ? 0 : now + distance;
        _lastPlacement = placement;
        return live;
    }

    // The step of FNV-1a, by words.
    private static ulong Mix(ulong hash, long value) => (hash ^ (ulong)value) * 1_099_511_628_211;
}
