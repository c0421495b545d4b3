namespace Hakmem.Events;

// Whether a listener has enabled the event source. Apart from it, because the source's class loads much of the
// framework, which a first allocation must not wait for.
internal static class EventListening
{
    // Written by the framework's calls of OnEventCommand on any thread; read by slow paths. No other memory depends on
    // it; a stale value loses an event, or raises one that nobody hears.
    private static volatile bool s_isOn;

    public static bool IsOn
    {
        get => s_isOn;
        set => s_isOn = value;
    }
}
