using System;
using System.IO;
using System.Threading.Channels;
using Microsoft.Diagnostics.Tracing;

namespace Hakmem.Tool.Attach;

internal enum ReplyKind
{
    Accepted,
    Part,
    Failed,
    Progress,
}

// One event that answers a request. Its numbers are the protocol's version; the part and whether it is the last; or the
// milliseconds since the start and in all.
internal sealed record Reply(ReplyKind Kind, long First, long Second, string Text)
{
    // The code of a refusal.
    public string Code { get; init; } = "";
}

// Reads the events of a session until it ends.
internal static class ReplyReader
{
    public static void Run(Stream stream, string id, ChannelWriter<Reply> replies)
    {
        try
        {
            using EventPipeEventSource source = new(stream);
            source.Dynamic.All += written =>
            {
                if (written.ProviderName == "Hakmem" && written.PayloadByName("request") is string request &&
                    request == id && TryRead(written) is { } reply)
                {
                    replies.TryWrite(reply);
                }
            };
            source.Process();
        }
        catch (Exception)
        {
            // A process that ends leaves half an event, for which the reader throws all sorts of exceptions. What is
            // missing then is missed by the one who waits.
        }
        finally
        {
            replies.TryComplete();
        }
    }

    private static Reply? TryRead(TraceEvent written) => written.EventName switch
    {
        "RequestAccepted" => new Reply(
            ReplyKind.Accepted, Number(written, "protocol"), 0, (string)written.PayloadByName("version")),
        "AnswerPart" => new Reply(
            ReplyKind.Part, Number(written, "part"), Number(written, "isLast"), (string)written.PayloadByName("text")),
        "RequestFailed" => new Reply(ReplyKind.Failed, 0, 0, (string)written.PayloadByName("message"))
        {
            Code = (string)written.PayloadByName("code"),
        },
        "RequestProgress" => new Reply(
            ReplyKind.Progress, Number(written, "elapsedMs"), Number(written, "totalMs"), ""),
        _ => null,
    };

    private static long Number(TraceEvent written, string name) => (long)written.PayloadByName(name);
}
