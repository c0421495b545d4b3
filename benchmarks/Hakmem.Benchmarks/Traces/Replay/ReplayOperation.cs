using System.Runtime.InteropServices;

namespace Hakmem.Benchmarks.Traces.Replay;

/// <summary>An event as the replay's loop reads it: all that could be decided before is.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct ReplayOperation
{
    private const int KindBits = 2;
    private const uint KindMask = (1 << KindBits) - 1;
    private const uint WaitsFlag = 1 << KindBits;
    private const uint PublishesFlag = 2 << KindBits;
    private const int StepShift = KindBits + 2;

    private readonly uint _code;

    /// <summary>Describes an event.</summary>
    /// <param name="entry">The event.</param>
    /// <param name="oldByteCount">The bytes of its block before it.</param>
    /// <param name="slot">The block's place in the table.</param>
    /// <param name="order">What other threads have to do with the block.</param>
    public ReplayOperation(TraceEvent entry, long oldByteCount, uint slot, BlockOrder order)
    {
        ByteCount = (nuint)entry.ByteCount;
        OldByteCount = (nuint)oldByteCount;
        Slot = slot;
        _code = (uint)entry.Kind
            | (order.Waits ? WaitsFlag : 0)
            | (order.Publishes ? PublishesFlag : 0)
            | ((uint)order.Step << StepShift);
    }

    /// <summary>The block's bytes after it.</summary>
    public nuint ByteCount { get; }

    /// <summary>The block's bytes before it.</summary>
    public nuint OldByteCount { get; }

    /// <summary>The block's place in the table of addresses.</summary>
    public uint Slot { get; }

    /// <summary>What to do.</summary>
    public TraceEventKind Kind => (TraceEventKind)(_code & KindMask);

    /// <summary>Whether the block's event before is another thread's, which has to be over.</summary>
    public bool Waits => (_code & WaitsFlag) != 0;

    /// <summary>Whether the block's next event is another thread's, which waits for this one.</summary>
    public bool Publishes => (_code & PublishesFlag) != 0;

    /// <summary>How many events the block had before.</summary>
    public int Step => (int)(_code >> StepShift);
}

/// <summary>An event among all events of its block.</summary>
/// <param name="Step">How many came before it.</param>
/// <param name="Waits">Whether the one before is of another thread.</param>
/// <param name="Publishes">Whether the next one is of another thread.</param>
internal readonly record struct BlockOrder(int Step, bool Waits, bool Publishes);
