using System;
using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Tracing;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Events;

// The library's event source, `Hakmem`, for dotnet-trace, PerfView and EventListener. docs/operations.md lists the
// events. Heaps are named by their slots: 0 is the shared heap.
//
// The source is made late, because that takes some milliseconds: by the timer that returns memory, by HakmemMetrics, or
// by the first event that is never lost (a refusal, a corruption, a leak, the fallback). The runtime enables a source
// for sessions that asked for its name before. Nothing is raised, and almost nothing is executed, unless a listener has
// enabled the source: see EventListening.
//
// A listener's code runs within the call that raises an event, so events are raised under no lock. What it throws does
// not reach the allocation: the framework catches it. An event that a listener's own allocation would raise within
// another event's is left out.
[EventSource(Name = "Hakmem")]
internal sealed partial class HakmemEventSource : EventSource
{
    private const int FallbackId = 1;
    private const int CommittedId = 2;
    private const int PurgedId = 3;
    private const int ReleasedId = 4;
    private const int RefusedId = 5;
    private const int AdoptedId = 6;
    private const int CorruptionId = 7;
    private const int LeakId = 8;
    private const int DecayId = 9;
    private const int SampledId = 14;
    private const int SampleFreedId = 15;

    // All that the library raises by itself: a session for requests alone has none of it raised. Not among the
    // keywords, each of which has to be one bit.
    private const EventKeywords Happenings =
        Keywords.Memory | Keywords.Limits | Keywords.Caches | Keywords.Misuse | Keywords.Decay | Keywords.Samples;

    // Why the process is served by NativeMemory; null if it is not, or until the first allocation. Interlocked.
    private static string? s_reason;

    // Kept alive for the listeners. Written once, by the thread that made it.
    private static HakmemEventSource? s_source;

    // 1 from when a thread has begun to make the source. Interlocked. There is never a second one: the framework
    // disables what has the name of another. A thread that needs the source meanwhile does without it, and so does code
    // of a listener that the making runs.
    private static int s_isMade;

    [ThreadStatic]
    private static bool t_isRaising;

    [ThreadStatic]
    private static bool t_isDeferred;

    [ThreadStatic]
    private static Pending t_deferred;

    private HakmemEventSource()
    {
    }

    // Makes the source, unless it was made before. Runs the code of listeners, which may allocate.
    [NonEvent]
    public static unsafe void Prepare()
    {
        if (Volatile.Read(ref s_isMade) == 0 && Interlocked.Exchange(ref s_isMade, 1) == 0)
        {
            // An allocation does not fail because there is no source.
            HakmemEventSource? made = null;
            if (FrameworkCall.Try(ref made, &Create) is not null)
            {
                // Managed memory was out, or interrupts ended each try: the next caller tries again.
                Volatile.Write(ref s_isMade, 0);
            }
        }

        // Takes locks of the framework.
        static void Create(ref HakmemEventSource? source) => source ??= HakmemEventSource.Create();
    }

    // Says that NativeMemory serves the process, now and to whoever listens later.
    [NonEvent]
    public static void Announce(string reason)
    {
        if (Interlocked.CompareExchange(ref s_reason, reason, null) is null)
        {
            if (Volatile.Read(ref s_source) is { } source)
            {
                source.FallbackInUse(reason);
            }
            else
            {
                Prepare();
            }
        }
    }

    [NonEvent]
    public static void TellCommitted(int heap, long count, long committedBytes) =>
        Tell(new Pending(CommittedId, heap, count, committedBytes));

    [NonEvent]
    public static void TellPurged(int heap, long bytes, long calls) => Tell(new Pending(PurgedId, heap, bytes, calls));

    [NonEvent]
    public static void TellReleased(int heap, long count, long committedBytes) =>
        Tell(new Pending(ReleasedId, heap, count, committedBytes));

    [NonEvent]
    public static void TellRefused(int heap, long requestedBytes, long committedBytes, long limitBytes) =>
        Tell(new Pending(RefusedId, heap, requestedBytes, committedBytes, limitBytes), needsSource: true);

    [NonEvent]
    public static void TellAdopted(int heap, int cache) => Tell(new Pending(AdoptedId, heap, cache, 0));

    [NonEvent]
    public static void TellCorruption(string message, nuint address) =>
        Tell(new Pending(CorruptionId, (long)address, 0, 0) { Text = message }, needsSource: true);

    [NonEvent]
    public static void TellLeak(long bytes) => Tell(new Pending(LeakId, bytes, 0, 0), needsSource: true);

    [NonEvent]
    public static void TellDecay(int heap, long microseconds, long reapedBlocks, long purgedBytes) =>
        Tell(new Pending(DecayId, heap, microseconds, reapedBlocks, purgedBytes));

    [NonEvent]
    public static void TellSampled(nuint address, nuint bytes, double weight) =>
        Tell(new Pending(SampledId, (long)address, (long)bytes, (long)Math.Round(weight)));

    [NonEvent]
    public static void TellSampleFreed(nuint address, nuint bytes) =>
        Tell(new Pending(SampleFreedId, (long)address, (long)bytes, 0));

    [Event(
        FallbackId, Level = EventLevel.Warning, Keywords = Keywords.Limits,
        Message = "Hakmem's allocator cannot run in this process, and NativeMemory serves its calls. {0}")]
    public void FallbackInUse(string reason) => WriteEvent(FallbackId, reason);

    [Event(
        CommittedId, Level = EventLevel.Informational, Keywords = Keywords.Memory,
        Message = "Heap {0} has committed {1} SuperSlabs more: {2} bytes in all.")]
    public void SuperSlabsCommitted(long heap, long count, long committedBytes) =>
        WriteEvent(CommittedId, heap, count, committedBytes);

    [Event(
        PurgedId, Level = EventLevel.Informational, Keywords = Keywords.Memory,
        Message = "Heap {0} has returned {1} bytes to the system in {2} calls.")]
    public void MemoryPurged(long heap, long bytes, long calls) => WriteEvent(PurgedId, heap, bytes, calls);

    [Event(
        ReleasedId, Level = EventLevel.Informational, Keywords = Keywords.Memory,
        Message = "Heap {0} has released {1} SuperSlabs: {2} bytes are committed.")]
    public void SuperSlabsReleased(long heap, long count, long committedBytes) =>
        WriteEvent(ReleasedId, heap, count, committedBytes);

    [Event(
        RefusedId, Level = EventLevel.Warning, Keywords = Keywords.Limits,
        Message = "Heap {0} could not serve {1} bytes: {2} bytes are committed, of at most {3} (0: no limit).")]
    public void AllocationRefused(long heap, long requestedBytes, long committedBytes, long limitBytes) =>
        WriteLongs(RefusedId, heap, requestedBytes, committedBytes, limitBytes);

    [Event(
        AdoptedId, Level = EventLevel.Verbose, Keywords = Keywords.Caches,
        Message = "A thread has adopted cache {1} of heap {0}, which an ended thread left.")]
    public void CacheAdopted(long heap, long cache) => WriteEvent(AdoptedId, heap, cache);

    [Event(CorruptionId, Level = EventLevel.Error, Keywords = Keywords.Misuse, Message = "{0}")]
    public void CorruptionFound(string message, long address) => WriteEvent(CorruptionId, message, address);

    [Event(
        LeakId, Level = EventLevel.Warning, Keywords = Keywords.Misuse,
        Message = "A rented buffer of {0} bytes was dropped undisposed.")]
    public void LeakFound(long bytes) => WriteEvent(LeakId, bytes);

    [Event(
        DecayId, Level = EventLevel.Informational, Keywords = Keywords.Decay,
        Message = "A decay pass over heap {0} took {1} us, reaped {2} blocks and returned {3} bytes.")]
    public void DecayPass(long heap, long microseconds, long reapedBlocks, long purgedBytes) =>
        WriteLongs(DecayId, heap, microseconds, reapedBlocks, purgedBytes);

    [Event(
        SampledId, Level = EventLevel.Verbose, Keywords = Keywords.Samples,
        Message = "A heap profiler has sampled the allocation of {1} bytes at {0}, which stands for {2} of its kind.")]
    public void BlockSampled(long address, long bytes, long weight) => WriteEvent(SampledId, address, bytes, weight);

    [Event(
        SampleFreedId, Level = EventLevel.Verbose, Keywords = Keywords.Samples,
        Message = "The sampled block of {1} bytes at {0} is being freed.")]
    public void SampledBlockFreed(long address, long bytes) => WriteEvent(SampleFreedId, address, bytes);

    // The base class's constructor calls it too, for those that wait for a source of this name.
    protected override void OnEventCommand(EventCommandEventArgs command)
    {
        EventListening.IsOn = IsEnabled(EventLevel.Critical, Happenings);
        if (command.Command == EventCommand.Enable && Volatile.Read(ref s_reason) is { } reason)
        {
            FallbackInUse(reason);
        }

        if (command.Command == EventCommand.Enable)
        {
            EventRequests.Receive(this, command.Arguments);
        }
        else if (!HearsAnswers)
        {
            EventRequests.EndAll();
        }
    }

    private static HakmemEventSource Create()
    {
        bool hadReason = Volatile.Read(ref s_reason) is not null;
        HakmemEventSource made = new();
        Interlocked.Exchange(ref s_source, made);
        if (!hadReason && Volatile.Read(ref s_reason) is { } reason && made.IsEnabled())
        {
            // Announce came meanwhile, and may have found no source.
            made.FallbackInUse(reason);
        }

        return made;
    }

    // Raises the last of the events that were to be raised while callouts were deferred. Never throws.
    [NonEvent]
    public static void TellDeferred()
    {
        try
        {
            if (t_isDeferred)
            {
                t_isDeferred = false;
                Raise(t_deferred, needsSource: true);
                t_deferred = default;
            }
        }
        catch (OutOfMemoryException)
        {
            // As in Tell.
        }
    }

    // Never throws, since the caller is in the middle of something. A thread's first use of the fields here needs
    // managed memory, as the event itself does; without it the event is lost.
    [NonEvent]
    private static void Tell(Pending pending, bool needsSource = false)
    {
        if (!needsSource && !EventListening.IsOn)
        {
            return;
        }

        try
        {
            if (Callouts.AreDeferred)
            {
                Defer(pending);
            }
            else
            {
                Raise(pending, needsSource);
            }
        }
        catch (OutOfMemoryException)
        {
            // Lost.
        }
    }

    [NonEvent]
    private static void Defer(Pending pending)
    {
        ManagedMemory.Need();
        t_deferred = pending;
        t_isDeferred = true;
        Callouts.NoteDeferred();
    }

    [NonEvent]
    private static unsafe void Raise(Pending pending, bool needsSource)
    {
        if (needsSource)
        {
            Prepare();
        }

        if (EventListening.IsOn && !t_isRaising)
        {
            ManagedMemory.Need();
            t_isRaising = true;
            _ = FrameworkCall.Try(ref pending, &RaiseNow);
            t_isRaising = false;
        }

        static void RaiseNow(ref Pending pending) => pending.Raise();
    }

    // There is no overload for four numbers that needs neither an array nor reflection.
    [NonEvent]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "The payload consists of numbers.")]
    private unsafe void WriteLongs(int id, long first, long second, long third, long fourth)
    {
        long* values = stackalloc long[] { first, second, third, fourth };
        EventData* data = stackalloc EventData[4];
        for (int i = 0; i < 4; i++)
        {
            data[i] = new EventData { DataPointer = (IntPtr)(values + i), Size = sizeof(long) };
        }

        WriteEventCore(id, 4, data);
    }

    /// <summary>What a listener can ask for.</summary>
    public static class Keywords
    {
        /// <summary>SuperSlabs committed and released, pages returned.</summary>
        public const EventKeywords Memory = (EventKeywords)0x1;

        /// <summary>Allocations refused, and the fallback.</summary>
        public const EventKeywords Limits = (EventKeywords)0x2;

        /// <summary>Caches of ended threads that are adopted.</summary>
        public const EventKeywords Caches = (EventKeywords)0x4;

        /// <summary>Corruption and leaks.</summary>
        public const EventKeywords Misuse = (EventKeywords)0x8;

        /// <summary>Passes of the timer that returns memory.</summary>
        public const EventKeywords Decay = (EventKeywords)0x10;

        /// <summary>Answers to requests.</summary>
        public const EventKeywords Requests = (EventKeywords)0x20;

        /// <summary>Blocks that a heap profiler samples.</summary>
        public const EventKeywords Samples = (EventKeywords)0x40;
    }

    // An event that is to be raised. Raised once: a repetition after an interrupt finds it done.
    private struct Pending(int id, long first, long second, long third, long fourth = 0)
    {
        private bool _isRaised;

        public string? Text { get; init; }

        public void Raise()
        {
            if (_isRaised || Volatile.Read(ref s_source) is not { } source)
            {
                return;
            }

            _isRaised = true;
            switch (id)
            {
                case CommittedId: source.SuperSlabsCommitted(first, second, third); break;
                case PurgedId: source.MemoryPurged(first, second, third); break;
                case ReleasedId: source.SuperSlabsReleased(first, second, third); break;
                case RefusedId: source.AllocationRefused(first, second, third, fourth); break;
                case AdoptedId: source.CacheAdopted(first, second); break;
                case CorruptionId: source.CorruptionFound(Text!, first); break;
                case LeakId: source.LeakFound(first); break;
                case DecayId: source.DecayPass(first, second, third, fourth); break;
                case SampledId: source.BlockSampled(first, second, third); break;
                case SampleFreedId: source.SampledBlockFreed(first, second); break;
                default: throw new InvalidOperationException($"There is no event {id}.");
            }
        }
    }
}
