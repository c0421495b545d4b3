using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Large;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Reclaim;

// Runs before an allocation fails: returns everything unused of the heap, or finds that this would not help.
//
// A round disturbs every thread of the heap: gates close, processors run a barrier, caches are empty afterwards. A
// program that passes on requests which cannot be served, as a client who can name a size can make it do, must not
// disturb the other threads at will. So after a failed round there is another one only if
//
//   - fewer bytes are in use than at the failed round, in this heap or in the others: something was freed since. That
//     is seen at once, and each fall allows one round. Only a lower number than before does, so that use which goes up
//     and down allows few. The two are told apart, since what others take must not hide what was freed here.
//   - or the request is smaller than the one that failed.
//   - or a thread of the heap has ended since: no thread is about to use again what it freed. Each allows one round,
//     and none if another thread adopts its cache first.
//   - or blocks moved at all since, and no other thread has a cache of the heap, so that nobody is disturbed.
//   - or blocks moved at all since, or some were left in caches that could not be reaped, and the last round was long
//     enough ago. The bytes in use do not show that other blocks are live, nor a fall that a racing reading hides.
//     These rounds take at most one part in RestFactor of the time.
//
// In use are the small blocks outside spans less those in caches and depots, as in statistics, and the runs, of which a
// round returns none; in other heaps what they have taken, since one limit may be for all. Caches and depots are read
// without a barrier and beside threads that go on: a magazine that changes hands may be counted twice or not at all.
// Blocks on their way from a cache to a span are in no count, so a reading waits for a run of the timer. Frees into a
// cache are counted nowhere (the fast path has no counter), so a reading visits every cache, and takes the cache lines
// that its thread is writing. Therefore readings keep a distance while they find blocks moving; the failing thread
// waits for it.
//
// What is freed to a span, a SuperSlab or the arena needs no round: the failing thread tries once more anyway.
//
// Thread-safe: one lock, above the decay's. A thread that waited while another read or reclaimed uses its result.
internal sealed unsafe class Reclaimer(HeapParts heap, HeapDecay decay, UnitAllocator units, RunAllocator runs)
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
    private readonly long[] _cached = new long[heap.Classes.Length];
    private ulong _lastPlacement;
    private long _nextReadAt;
    private long _rounds;

    // The last failed round, or one that is not known yet to have succeeded: the bytes requested (ulong.MaxValue if
    // there was none), what was read before and after it, and when the next may start by time alone.
    private ulong _failedBytes = ulong.MaxValue;
    private Reading _before;
    private Reading _after;
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
            Reading before = Read();
            if (!IsWorthwhile(bytes, before))
            {
                return false;
            }

            long begin = Stopwatch.GetTimestamp();
            if (cache != null)
            {
                heap.Exchange.FlushAll(cache);
            }

            corruptAddress = decay.Reclaim();
            _rounds++;

            // The round counts as failed until ForgetFailure is called. Frees during the round count as made since.
            _failedBytes = bytes;
            _before = before;
            _after = Read();
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

    private bool IsWorthwhile(ulong bytes, Reading now)
    {
        _lock.AssertHeld();
        bool hasMoved = now.Placement != _after.Placement;
        return bytes < _failedBytes ||
            now.UsedBytes < _before.UsedBytes ||
            now.OthersBytes < _before.OthersBytes ||
            now.EndedThreads != _before.EndedThreads ||
            (hasMoved && heap.Registry.Count <= 1) ||
            ((hasMoved || !_after.AreCachesEmpty) && Stopwatch.GetTimestamp() >= _nextByTime);
    }

    private Reading Read()
    {
        _lock.AssertHeld();
        while (Stopwatch.GetTimestamp() < _nextReadAt)
        {
            Thread.SpinWait(SpinsPerTurn);
        }

        long begin = Stopwatch.GetTimestamp();
        Reading reading;
        using (decay.SyncRoot.Enter())
        {
            heap.Registry.FlushDead();
            Array.Clear(_cached, 0, _cached.Length);
            heap.Registry.CountBlocks(_cached);
            reading = new Reading { AreCachesEmpty = true, EndedThreads = heap.Registry.EndedThreads };
            AddRuns(ref reading);
            for (int index = 0; index < _cached.Length; index++)
            {
                AddClass(ref reading, index, _cached[index]);
            }
        }

        long now = Stopwatch.GetTimestamp();
        long distance = Math.Clamp((now - begin) * DistanceFactor, s_minDistanceTicks, s_maxDistanceTicks);
        _nextReadAt = reading.Placement == _lastPlacement ? 0 : now + distance;
        _lastPlacement = reading.Placement;
        return reading;
    }

    // Adds a size class, of which so many blocks are in caches.
    private void AddClass(ref Reading reading, int sizeClass, long cached)
    {
        (long blocksOut, long blocksHere, _) = heap.Depots.Find(sizeClass)?.Count() ?? default;

        // What was counted twice must not hide what other classes have in use.
        long live = Math.Max(blocksOut - blocksHere - cached, 0);
        reading.UsedBytes += live * heap.Classes[sizeClass].BlockBytes;
        reading.Placement = Mix(Mix(Mix(reading.Placement, blocksOut), blocksHere), cached);
        reading.AreCachesEmpty &= cached == 0;
    }

    // Adds the bytes of this heap's runs and ranges, and those that other heaps have taken.
    private void AddRuns(ref Reading reading)
    {
        using (heap.SuperSlabs.SyncRoot.Enter())
        {
            long slabs = runs.SlabCount + runs.GuardedSlabCount;
            reading.UsedBytes += (slabs << Geometry.SlabShift) + ((long)units.RunUnits << Geometry.UnitShift);
            reading.OthersBytes = heap.Arena.TakenBytes - heap.SuperSlabs.CommittedBytes;
        }
    }

    // One step of FNV-1a, by words.
    private static ulong Mix(ulong hash, long value) => (hash ^ (ulong)value) * 1_099_511_628_211;

    // What a look at the heap found: the bytes in use in it and in others, a hash of where small blocks are, whether no
    // cache has any, and how many caches were flushed because their threads had ended.
    private struct Reading
    {
        public long UsedBytes;
        public long OthersBytes;
        public ulong Placement;
        public bool AreCachesEmpty;
        public long EndedThreads;
    }
}
