using System;
using System.Diagnostics.Tracing;

namespace Hakmem.AspNetCore.Tests.Support;

// Calls back in each refusal on the thread that made it.
internal sealed class RefusalListener : EventListener
{
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly Action? _onRefusal;

    public RefusalListener(Action onRefusal) => _onRefusal = onRefusal;

    protected override void OnEventSourceCreated(EventSource source)
    {
        if (source.Name == "Hakmem")
        {
            EnableEvents(source, EventLevel.Warning);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs written)
    {
        if (written.EventName == "AllocationRefused" && Environment.CurrentManagedThreadId == _thread)
        {
            _onRefusal?.Invoke();
        }
    }
}
