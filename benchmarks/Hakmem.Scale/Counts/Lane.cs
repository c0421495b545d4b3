using System;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Api;
using Hakmem.Os;
using Hakmem.Records;
using Hakmem.Scale.Tracing;

namespace Hakmem.Scale.Counts;

/// <summary>
/// A worker of a workload, and what it did in the steady state. A thread that a worker starts in its own place belongs
/// to the same lane, since it goes on with the same blocks.
/// </summary>
internal sealed class Lane : ThreadObserver
{
    private const int LineBytes = 64;

    // A thread that takes another's place may take over the cache of another lane's thread, and its stripe with it: its
    // lane's older blocks then lie in the other lane's lines until they are freed. After so many of its calls each of
    // larson's 5000 blocks has been replaced, but for one in twenty thousand.
    private const long SettlingCalls = 100_000;

    // Flows from a thread to those that it starts, so a successor finds its predecessor's.
    private static readonly AsyncLocal<Lane?> s_inherited = new();
    private static readonly Lock s_lock = new();
    private static readonly List<Lane> s_all = [];
    private static long s_warmUpCalls;
    private static int s_count;

    // How many lanes are settling. Interlocked.
    private static int s_settling;

    [ThreadStatic]
    private static Lane? t_lane;

    private readonly Dictionary<UninterruptibleLock, LockUse> _locks = [];
    private readonly ushort _number;
    private long _warmUpCalls;
    private long _settlingCalls;
    private bool _isWaiting;

    private Lane(ushort number, long warmUpCalls)
    {
        _number = number;
        _warmUpCalls = warmUpCalls;
    }

    /// <summary>The calling thread's lane.</summary>
    public static new Lane Current => t_lane ?? Join();

    /// <summary>The lanes since <see cref="Begin"/>, but for that of the thread that called it.</summary>
    public static IReadOnlyList<Lane> All => s_all;

    /// <summary>Allocations in the steady state.</summary>
    public long Allocations { get; private set; }

    /// <summary>Blocks that this lane freed and another had allocated.</summary>
    public long FreedOfOthers { get; private set; }

    /// <summary>Blocks that this lane allocated at an address that another had allocated before it.</summary>
    public long TakenFromOthers { get; private set; }

    /// <summary>Writes to cache lines that another lane had written last.</summary>
    public long LinesOfOthers { get; private set; }

    /// <summary>Allocations of those while each lane's thread had its cache for long enough: the lines that stay shared
    /// show then.</summary>
    public long SettledAllocations { get; private set; }

    /// <summary>Writes during the <see cref="SettledAllocations"/> to lines that another lane had written last, and in
    /// which another lane had a block at that time: false sharing.</summary>
    public long SharedLines { get; private set; }

    /// <summary>How often the gate of the thread's cache was closed.</summary>
    public LockUse Gate { get; } = new();

    /// <summary>Interlocked operations on words that threads share.</summary>
    public long SharedWords { get; private set; }

    /// <summary>The locks that the lane entered.</summary>
    public IReadOnlyDictionary<UninterruptibleLock, LockUse> Locks => _locks;

    private bool IsSteady => _warmUpCalls == 0;

    private static bool IsSettled => Volatile.Read(ref s_settling) == 0;

    /// <summary>Forgets all lanes; the calling thread prepares and cleans up, which is not counted.</summary>
    /// <param name="warmUpCalls">How many calls each lane makes before it is counted.</param>
    public static void Begin(long warmUpCalls)
    {
        s_all.Clear();
        Volatile.Write(ref s_settling, 0);
        s_warmUpCalls = warmUpCalls;
        t_lane = new Lane(NextNumber(), long.MaxValue);
    }

    /// <summary>Notes an allocation.</summary>
    public void OnAllocated(nuint address)
    {
        ref ushort owner = ref OwnerTable.BlockOwner(address);
        if (IsSteady)
        {
            Allocations++;
            SettledAllocations += IsSettled ? 1 : 0;
            TakenFromOthers += owner != 0 && owner != _number ? 1 : 0;
        }
        else
        {
            _warmUpCalls--;
        }

        owner = _number;
        OwnerTable.SetHolder(address, SizeOf(address), _number);
        Settle();
    }

    /// <summary>Notes a free.</summary>
    public void OnFreeing(nuint address)
    {
        OwnerTable.SetHolder(address, SizeOf(address), 0);
        if (IsSteady)
        {
            FreedOfOthers += OwnerTable.BlockOwner(address) != _number ? 1 : 0;
        }
        else
        {
            _warmUpCalls--;
        }

        Settle();
    }

    /// <summary>Notes a write to a block's first and last byte.</summary>
    public void OnTouching(nuint address, nuint byteCount)
    {
        OnLine(address);
        nuint last = address + byteCount - 1;
        if (last / LineBytes != address / LineBytes)
        {
            OnLine(last);
        }
    }

    /// <summary>Notes a write to all of a block.</summary>
    public void OnFilling(nuint address, nuint byteCount)
    {
        for (nuint line = address / LineBytes; line <= (address + byteCount - 1) / LineBytes; line++)
        {
            OnLine(line * LineBytes);
        }
    }

    /// <inheritdoc/>
    public override void OnWaiting() => _isWaiting = true;

    /// <inheritdoc/>
    public override void OnEntered(UninterruptibleLock entered)
    {
        if (IsSteady)
        {
            if (!_locks.TryGetValue(entered, out LockUse? use))
            {
                _locks.Add(entered, use = new LockUse());
            }

            use.Add(_isWaiting);
        }

        _isWaiting = false;
    }

    /// <inheritdoc/>
    public override void OnExiting(UninterruptibleLock exited)
    {
    }

    /// <inheritdoc/>
    public override void OnGateClosed()
    {
        if (IsSteady)
        {
            Gate.Add(_isWaiting);
        }

        _isWaiting = false;
    }

    /// <inheritdoc/>
    public override void OnSharedWord(object owner) => SharedWords += IsSteady ? 1 : 0;

    /// <inheritdoc/>
    public override void OnSeeing(UninterruptibleLock guardedBy)
    {
    }

    // What a block of a size class covers. Larger blocks share no line: 0.
    private static unsafe nuint SizeOf(nuint address)
    {
        DecodedEntry entry = PageMapEntry.Decode(ProcessArena.Instance!.EntryOf((void*)address));
        return entry.Kind == EntryKind.Span ? (nuint)SizeClass.BytesOf(Stripe.ClassOf(entry.BinIndex)) : 0;
    }

    private static Lane Join()
    {
        Lane lane = s_inherited.Value ?? Add();
        if (s_inherited.Value is not null)
        {
            lane.BeginSettling();
        }

        s_inherited.Value = lane;
        t_lane = lane;
        ThreadObserver.Current = lane;
        return lane;
    }

    private static Lane Add()
    {
        lock (s_lock)
        {
            Lane lane = new(NextNumber(), s_warmUpCalls);
            s_all.Add(lane);
            return lane;
        }
    }

    private static ushort NextNumber() => checked((ushort)++s_count);

    private void BeginSettling()
    {
        if (_settlingCalls == 0)
        {
            Interlocked.Increment(ref s_settling);
        }

        _settlingCalls = SettlingCalls;
    }

    private void Settle()
    {
        if (_settlingCalls > 0 && --_settlingCalls == 0)
        {
            Interlocked.Decrement(ref s_settling);
        }
    }

    private void OnLine(nuint address)
    {
        ref ushort owner = ref OwnerTable.LineOwner(address);
        if (owner != _number)
        {
            if (IsSteady && owner != 0)
            {
                LinesOfOthers++;
                SharedLines += IsSettled && OwnerTable.HasBlockOfAnother(address, _number) ? 1 : 0;
            }

            owner = _number;
        }
    }
}
