using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Pages;

// How many bytes a heap may commit, and how many it has: shared by the two parts of a heap with tagged blocks (see
// Tags/TaggedHeap.cs), so that one limit holds for both. Also how many bytes of live blocks a tag may have.
//
// The hard limit refuses growth. Above the soft limit memory returns at once, and the program is told, once for each
// time that the soft limit is exceeded: the state returns to Below under RearmPercent of the soft limit, so that use
// that goes up and down around the limit tells once.
//
//   Below --above the soft limit--> Untold --TellIfAbove--> Told
//     ^____________below RearmPercent________|________________|
//
// Thread-safe, without a lock: the bytes are reserved by compare-exchange before they are committed, so that the hard
// limit is never exceeded by racing threads. A racing Remove may leave the state above Below; the next question of the
// state corrects it. Each step of the state gives it a value that it never had before, so a thread that read the bytes
// under one value cannot end what began after it. Whoever moves the state to Below looks at the soft limit again: a
// thread that added bytes just before found a state that told already.
internal sealed class HeapBudget(long softBytes, long hardBytes)
{
    // The part of a soft limit below which it can be exceeded again.
    public const int RearmPercent = 90;

    private const int Below = 0;
    private const int Untold = 1;
    private const int Told = 2;

    // The bits of a state that are one of these three; the others count its steps.
    private const int KindMask = 3;

    // One for all: limits are seldom set.
    private static UninterruptibleLock? s_lock;

    // Written by SetLimits, both under its lock; zero for none. A reader may see an old limit for a moment.
    private long _softBytes = softBytes;
    private long _hardBytes = hardBytes;

    // Interlocked.
    private long _committedBytes;
    private long _peakBytes;
    private int _state;

    // Tells the program that the soft limit is exceeded, on another thread; false if that must be tried again. Never
    // throws. Set before the heap has users; null for a heap whose program cannot be told.
    public Func<bool>? Notify { get; set; }

    // For tests: called by a thread that found the bytes below RearmPercent, before it moves the state.
    public Action? OnRearm { get; set; }

    // For tests: called by SetLimits between its two limits.
    public Action? OnSetting { get; set; }

    public HeapBudget(HeapLimits limits)
        : this(limits.SoftLimitBytes, limits.MaxBytes)
    {
    }

    // Zero for none, as the next.
    public long HardBytes => Interlocked.Read(ref _hardBytes);

    public long SoftBytes => Interlocked.Read(ref _softBytes);

    public long CommittedBytes => Interlocked.Read(ref _committedBytes);

    public long PeakBytes => Interlocked.Read(ref _peakBytes);

    // Whether the soft limit was exceeded, and the bytes did not fall below RearmPercent of it since.
    public bool IsAboveSoft => KindOf(Volatile.Read(ref _state)) != Below && !TryRearm();

    // Whether the hard limit has room for so many bytes more; fewer than none if bytes are about to be removed.
    public bool Admits(long moreBytes)
    {
        long hard = HardBytes;
        return hard == 0 || moreBytes <= RoomOf(hard, CommittedBytes);
    }

    // Adds bytes that are about to be committed, if the hard limit has room for them.
    public bool TryAdd(long bytes)
    {
        bool isReserved = TryReserve(bytes, out long reached);
        if (isReserved)
        {
            NoteGrowth(reached);
        }

        return isReserved;
    }

    // Adds bytes whatever the limits.
    public void Add(long bytes)
    {
        NoteGrowth(Interlocked.Add(ref _committedBytes, bytes));
    }

    // As TryAdd, for a caller that calls NoteGrowth, with the sum, once it is certain that it needs the bytes.
    public bool TryReserve(long bytes, out long reached)
    {
        reached = 0;
        long committed = CommittedBytes;
        long seen;
        do
        {
            seen = committed;
            long hard = HardBytes;
            if (bytes > RoomOf(hard != 0 ? hard : long.MaxValue, seen))
            {
                return false;
            }

            committed = Interlocked.CompareExchange(ref _committedBytes, seen + bytes, seen);
        }
        while (committed != seen);

        reached = seen + bytes;
        return true;
    }

    // Raises the peak to the sum that adding reached, and finds whether the soft limit is exceeded.
    public void NoteGrowth(long reached)
    {
        RaisePeak(reached);
        CheckSoft();
    }

    public void Remove(long bytes)
    {
        Interlocked.Add(ref _committedBytes, -bytes);
        if (KindOf(Volatile.Read(ref _state)) != Below)
        {
            TryRearm();
        }
    }

    // Sets both limits. If the new soft limit is exceeded, that is told again.
    public void SetLimits(long softBytes, long hardBytes)
    {
        using (Lock.Enter())
        {
            // Of two calls, the limits of one hold, and not one of each.
            Interlocked.Exchange(ref _softBytes, softBytes);
            OnSetting?.Invoke();
            Interlocked.Exchange(ref _hardBytes, hardBytes);
        }

        while (!TryMove(Volatile.Read(ref _state), Below))
        {
        }

        CheckSoft();
    }

    // Tells once that the soft limit is exceeded. Called after memory was committed, under no lock, by a thread that
    // may hold a block that nothing else refers to: never throws.
    public void TellIfAbove()
    {
        if (KindOf(Volatile.Read(ref _state)) == Untold)
        {
            Tell();
        }
    }

    // Raises the peak to what the caller found.
    public void RaisePeak(long reached)
    {
        long peak = PeakBytes;
        while (reached > peak)
        {
            long before = Interlocked.CompareExchange(ref _peakBytes, reached, peak);
            peak = before == peak ? reached : before;
        }
    }

    // How many bytes a hard limit leaves. A tag may have fewer bytes than none for a while: the rest is in the shards
    // of its threads. It must not make the difference overflow.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long RoomOf(long hard, long committed) =>
        committed < 0 && hard > long.MaxValue + committed ? long.MaxValue : hard - committed;

    private static int KindOf(int state) => state & KindMask;

    private void Tell()
    {
        if (TryRearm())
        {
            return;
        }

        int state = Volatile.Read(ref _state);
        bool isMine = KindOf(state) == Untold && TryMove(state, Told);
        if (isMine && Notify is { } notify && !notify())
        {
            TryMove(StepTo(state, Told), Untold);
        }
    }

    private void CheckSoft()
    {
        // The state comes first: if the bytes fall and rise between the two reads, the exchange fails.
        int state = Volatile.Read(ref _state);
        long soft = SoftBytes;
        if (soft != 0 && KindOf(state) == Below && CommittedBytes > soft)
        {
            TryMove(state, Untold);
        }
    }

    // Whether the soft limit can be exceeded again. SoftBytes / 100 first, so that no product overflows.
    private bool TryRearm()
    {
        // The state comes first, as in CheckSoft: it is that under which the bytes were below.
        int state = Volatile.Read(ref _state);
        long soft = SoftBytes;
        bool isBelow = soft == 0 || CommittedBytes < soft - (soft / 100 * (100 - RearmPercent));
        if (isBelow && KindOf(state) != Below)
        {
            OnRearm?.Invoke();
            if (TryMove(state, Below))
            {
                CheckSoft();
            }
        }

        return isBelow;
    }

    // Moves from a state to one of a kind, unless another thread has moved it meanwhile.
    private bool TryMove(int state, int kind) =>
        Interlocked.CompareExchange(ref _state, StepTo(state, kind), state) == state;

    private static int StepTo(int state, int kind) => unchecked(((state | KindMask) + 1) | kind);

    // Made by the first call. Interlocked, and never changed again.
    private static UninterruptibleLock Lock => Volatile.Read(ref s_lock) ??
        Interlocked.CompareExchange(ref s_lock, new(), null) ?? s_lock;
}
