using System;
using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Tracing;

namespace Hakmem.Events;

// The events that answer requests: see EventRequests. Their first member is the request's identifier.
internal sealed partial class HakmemEventSource
{
    private const int AcceptedId = 10;
    private const int AnswerId = 11;
    private const int FailedId = 12;
    private const int ProgressId = 13;

    // Whether anybody listens to answers.
    public bool HearsAnswers => IsEnabled(EventLevel.Informational, Keywords.Requests);

    [NonEvent]
    public void TellAccepted(string request)
    {
        string version = typeof(HakmemEventSource).Assembly.GetName().Version?.ToString(3) ?? "";
        WithoutNestedEvents(() => RequestAccepted(request, EventRequest.Protocol, version));
    }

    [NonEvent]
    public void TellAnswer(string request, int part, bool isLast, string text) =>
        WithoutNestedEvents(() => AnswerPart(request, part, isLast ? 1 : 0, text));

    [NonEvent]
    public void TellFailed(string request, string code, string message) =>
        WithoutNestedEvents(() => RequestFailed(request, code, message));

    [NonEvent]
    public void TellProgress(string request, long elapsedMs, long totalMs) =>
        WithoutNestedEvents(() => RequestProgress(request, elapsedMs, totalMs));

    [Event(
        AcceptedId, Level = EventLevel.Informational, Keywords = Keywords.Requests,
        Message = "Hakmem {2} serves request {0} by version {1} of the protocol.")]
    public void RequestAccepted(string request, long protocol, string version) =>
        WriteTexts(AcceptedId, request, protocol, null, version);

    [Event(
        AnswerId, Level = EventLevel.Informational, Keywords = Keywords.Requests,
        Message = "Part {1} of the answer to request {0}; the last one: {2}.")]
    public void AnswerPart(string request, long part, long isLast, string text) =>
        WriteTexts(AnswerId, request, part, isLast, text);

    [Event(
        FailedId, Level = EventLevel.Informational, Keywords = Keywords.Requests,
        Message = "Request {0} failed: {2}")]
    public void RequestFailed(string request, string code, string message) =>
        WriteEvent(FailedId, request, code, message);

    [Event(
        ProgressId, Level = EventLevel.Informational, Keywords = Keywords.Requests,
        Message = "Request {0} has waited for {1} of {2} ms.")]
    public void RequestProgress(string request, long elapsedMs, long totalMs) =>
        WriteTexts(ProgressId, request, elapsedMs, totalMs, null);

    // A listener's own allocations raise no events meanwhile, as within any other event.
    [NonEvent]
    private static void WithoutNestedEvents(Action raise)
    {
        bool wasRaising = t_isRaising;
        t_isRaising = true;
        try
        {
            raise();
        }
        finally
        {
            t_isRaising = wasRaising;
        }
    }

    // Text, number, and a number, a text or both, in this order. There is no overload for these that needs neither an
    // array nor reflection.
    [NonEvent]
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "The payload consists of numbers and texts.")]
    private unsafe void WriteTexts(int id, string request, long first, long? second, string? text)
    {
        EventData* data = stackalloc EventData[4];
        long last = second ?? 0;
        int count = 0;
        fixed (char* requestChars = request)
        fixed (char* textChars = text)
        {
            data[count++] = new() { DataPointer = (IntPtr)requestChars, Size = (request.Length + 1) * sizeof(char) };
            data[count++] = new() { DataPointer = (IntPtr)(&first), Size = sizeof(long) };
            if (second is not null)
            {
                data[count++] = new() { DataPointer = (IntPtr)(&last), Size = sizeof(long) };
            }

            if (text is not null)
            {
                data[count++] = new() { DataPointer = (IntPtr)textChars, Size = (text.Length + 1) * sizeof(char) };
            }

            WriteEventCore(id, count, data);
        }
    }
}
