using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Reclaim;

// Runs before an allocation fails: returns everything unused of the heap, or finds that this would not help.
//
// A round disturbs every thread of the heap: gates close, processors run a barrier, caches are empty afterwards. A
// program that passes on requests which cannot be served, as a client who can name a size can make it do, must not
// disturb the other threads at will. So after a failed round there is another one only if
//
//   - fewer bytes are live than at the failed round: something was freed since. That is seen at once, and each fall
//     allows one round.
//   - or the request is smaller than the one that failed.
//   - or blocks moved at all since, and no other thread has a cache of the heap, so that nobody is disturbed.
//   - or blocks moved at all since, or some were left in caches that could not be reaped, and the last round was long
//     enough ago. Live bytes do not show a free while as much was allocated, nor a fall that a racing reading hides.
//     These rounds take at most one part in RestFactor of the time.
//
// Live bytes are the blocks outside spans less those in caches and depots, as in statistics: read without a barrier and
// beside threads that go on, so a magazine that changes hands may be counted twice or not at all. Frees into a cache
// are counted nowhere (the fast path has no counter), so a reading visits every cache, and takes the cache lines that
// its thread is writing. Therefore readings keep a distance while they find blocks moving; the failing thread waits for
// it.
//
// What is freed to a span, a SuperSlab or the arena needs no round: the failing thread tries once more anyway.
//
// Thread-safe: one lock, above the decay's. A thread that waited while another read or reclaimed uses its result.
internal sealed unsafe class Reclaimer(
    HeapDecay decay, DepotSet depots, ThreadCacheRegistry registry, CacheExchange exchange, SizeClassInfo[] classes)
{
    // A round by time alone waits this many times the duration of the last one, which costs the other threads more than
    // that duration, since their caches are empty after it.
    private const int RestFactor = 64;

    private static readonly long s_maxRestTicks = Stopwatch.Frequency;

    // The distance from a reading that found blocks moving to the next: this many times its duration, from 400 us (a
    // reading takes some tens of cache lines from a thread that writes them) to 2 ms (a reading may have been
    // preempted).
    private const int DistanceFactor = 16;
    private static readonly long s_minDistanceTicks = Stopwatch.Frequency / 2_500;
    private static readonly long s_maxDistanceTicks = Stopwatch.Frequency / 500;

    private const int SpinsPerTurn = 32;

    private readonly UninterruptibleLock _lock = new();

    // How many readings TryReclaim has begun. Written under the lock (release), read before it is taken (acquire).
    private long _readings;

    // All fields below are guarded by the lock.
    private readonly long[] _cached = new long[classes.Length];
    private ulong _lastPlacement;
    private long _nextReadAt;
    private long _rounds;

    // The last failed round, or one that is not known yet to have succeeded: the bytes requested (ulong.MaxValue if
    // there was none), the live bytes before it, the placement of blocks after it, whether it emptied the caches, and
    // when the next may start by time alone.
    private ulong _failedBytes = ulong.MaxValue;
    private long _failedLiveBytes;
    private ulong _failedPlacement;
    private bool _hasEmptiedCaches;
    private long _nextByTime;

    // How often everything unused was reclaimed for an allocation.
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

    // Reclaims unused memory if that may serve a request of so many bytes (or such an alignment) that failed just now.
    // Whether it did reclaim. cache is the calling thread's, or null. corruptAddress is that of a block found free
    // already, or 0.
    public bool TryReclaim(ThreadCache* cache, ulong bytes, out nuint corruptAddress)
    {
        long arrival = Volatile.Read(ref _readings);
        corruptAddress = 0;
        using (_lock.Enter())
        {
            if (_readings > arrival && bytes >= _failedBytes)
            {
                // Another thread has read since this request failed, and has reclaimed if that was worthwhile.
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

            // The round counts as failed until ForgetFailure is called. Frees during the round count as made since.
            _failedBytes = bytes;
            _failedLiveBytes = live;
            Read(out _failedPlacement, out _hasEmptiedCaches);
            long now = Stopwatch.GetTimestamp();
            _nextByTime = now + Math.Min((now - begin) * RestFactor, s_maxRestTicks);
            return true;
        }
    }

    // Called after a round that served its request.
    public void ForgetFailure()
    {
        using (_lock.Enter())
        {
            _failedBytes = ulong.MaxValue;
        }
    }

    private bool IsWorthwhile(ulong bytes, long live, ulong placement)
    {
        _lock.AssertHeld();
        return bytes < _failedBytes ||
            live < _failedLiveBytes ||
            (placement != _failedPlacement && registry.Count <= 1) ||
            ((placement != _failedPlacement || !_hasEmptiedCaches) && Stopwatch.GetTimestamp() >= _nextByTime);
    }

    // Returns the bytes of small blocks that callers hold, a hash of their placement, and whether caches are empty.
    private long Read(out ulong placement, out bool areCachesEmpty)
    {
        _lock.AssertHeld();
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

    // One step of FNV-1a, by words.
    private static ulong Mix(ulong hash, long value) => (hash ^ (ulong)value) * 1_099_511_628_211;
}
