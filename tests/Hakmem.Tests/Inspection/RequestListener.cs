using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics.Tracing;
using System.Linq;
using System.Text.Json;
using System.Threading;

namespace Hakmem.Tests.Inspection;

// Makes requests of the event source from within the process, as a session does from outside.
internal sealed class RequestListener : EventListener
{
    // Far above what anything here takes; if it is over, the test has failed.
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    // Null within the base class's constructor.
    private readonly ConcurrentQueue<EventWrittenEventArgs> _events = new();
    private EventSource? _source;

    // Called within each event of a request.
    public Action? OnEvent { get; init; }

    public EventWrittenEventArgs[] Events => [.. _events];

    public string Ask(string name, params (string Name, string Value)[] arguments)
    {
        string id = Guid.NewGuid().ToString("N");
        Send(id, name, arguments);
        return id;
    }

    public void Send(string id, string name, params (string Name, string Value)[] arguments)
    {
        Dictionary<string, string?> all = new() { ["Request"] = name, ["Id"] = id };
        foreach ((string key, string value) in arguments)
        {
            all[key] = value;
        }

        EnableEvents(_source!, EventLevel.Informational, (EventKeywords)0x20, all);
    }

    public void Stop() => DisableEvents(_source!);

    // The answer to a request, as JSON.
    public JsonElement Answer(string id)
    {
        Wait(id, "AnswerPart", part => (long)part.Payload![2]! != 0);
        IEnumerable<string> parts = Of(id, "AnswerPart").Select(part => (string)part.Payload![3]!);
        return JsonDocument.Parse(string.Concat(parts)).RootElement;
    }

    // The code and the message of a refusal.
    public (string Code, string Message) Refusal(string id)
    {
        EventWrittenEventArgs refusal = Wait(id, "RequestFailed", _ => true);
        return ((string)refusal.Payload![1]!, (string)refusal.Payload![2]!);
    }

    public EventWrittenEventArgs[] Of(string id, string name) =>
        [.. _events.Where(written => written.EventName == name && (string)written.Payload![0]! == id)];

    public EventWrittenEventArgs Wait(string id, string name, Func<EventWrittenEventArgs, bool> isIt)
    {
        SpinWait.SpinUntil(() => Of(id, name).Any(isIt), Limit);
        return Of(id, name).First(isIt);
    }

    protected override void OnEventSourceCreated(EventSource source)
    {
        if (source.Name == "Hakmem")
        {
            _source = source;
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs written)
    {
        if (written.EventSource.Name == "Hakmem")
        {
            _events?.Enqueue(written);
            OnEvent?.Invoke();
        }
    }
}
