using System.Diagnostics.Tracing;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Fallback;

// The library's event source, `Hakmem`. It exists only in a process that is served by NativeMemory, from its first
// allocation on, and says so to each listener that enables it, before or after.
[EventSource(Name = "Hakmem")]
internal sealed class HakmemEventSource : EventSource
{
    private const int FallbackId = 1;

    // Why the process is served so; null until the first allocation. Interlocked.
    private static string? s_reason;

    // Making the source takes locks of the framework.
    private static readonly FrameworkCall.Step<HakmemEventSource?> s_create =
        static (ref HakmemEventSource? source) => source ??= new HakmemEventSource();

    // Kept alive for the listeners.
    private static HakmemEventSource? s_source;

    private HakmemEventSource()
    {
    }

    // Makes the source, unless it was made before. Runs the code of listeners, which may allocate.
    [NonEvent]
    public static void Announce(string reason)
    {
        if (Interlocked.CompareExchange(ref s_reason, reason, null) is null)
        {
            // An allocation does not fail because that cannot be told.
            _ = FrameworkCall.Try(ref s_source, s_create);
        }
    }

    [Event(
        FallbackId, Level = EventLevel.Warning,
        Message = "Hakmem's allocator cannot run in this process, and NativeMemory serves its calls. {0}")]
    public void FallbackInUse(string reason) => WriteEvent(FallbackId, reason);

    // The base class's constructor calls it too, for those that wait for a source of this name.
    protected override void OnEventCommand(EventCommandEventArgs command)
    {
        if (command.Command == EventCommand.Enable && s_reason is { } reason)
        {
            FallbackInUse(reason);
        }
    }
}
