using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Channels;
using System.Threading.Tasks;
using Microsoft.Diagnostics.NETCore.Client;

namespace Hakmem.Tool.Attach;

// One request to a process, and what it answers. The request is the arguments of a session of the event source; it ends
// with the session. So nothing is left in the process, whatever happens to this one.
internal sealed class Exchange : IAsyncDisposable
{
    // The latest version of the protocol that this tool understands.
    public const int Protocol = 1;

    private const string Provider = "Hakmem";
    private const long RequestsKeyword = 0x20;
    private const int BufferMegabytes = 64;

    // The runtime's provider, which collects all garbage once when a session with this keyword starts.
    private const string Runtime = "Microsoft-Windows-DotNETRuntime";
    private const long CollectKeyword = 0x800000;

    // After so long without a sign of the source it may be that it was not made yet.
    private static readonly TimeSpan s_wakeAfter = TimeSpan.FromSeconds(1.5);

    private readonly Target _target;
    private readonly EventPipeSession _session;
    private readonly TimeSpan _timeout;
    private readonly Channel<Reply> _replies = Channel.CreateUnbounded<Reply>();
    private readonly Task _reading;
    private readonly StringBuilder _text = new();
    private bool _isAccepted;
    private long _parts;

    private Exchange(Target target, EventPipeSession session, string id, TimeSpan timeout)
    {
        _target = target;
        _session = session;
        _timeout = timeout;
        _reading = Task.Factory.StartNew(
            () => ReplyReader.Run(session.EventStream, id, _replies.Writer), CancellationToken.None,
            TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    // Called for each sign that a request is waiting on purpose: the milliseconds since its start, and those in all.
    public Action<long, long>? Progress { get; init; }

    // Whether a process that gives no sign may be had to collect garbage, which makes the source of one with small
    // heaps.
    public bool MayWake { get; init; } = true;

    // Throws ToolException.
    public static async Task<Exchange> StartAsync(
        Target target, Request request, TimeSpan timeout, Action<long, long>? progress, bool mayWake,
        CancellationToken cancelled)
    {
        string id = Guid.NewGuid().ToString("N");
        Dictionary<string, string> arguments = new()
        {
            ["Request"] = request.Name,
            ["Id"] = id,
            ["Client"] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
        };
        foreach ((string name, string value) in request.Arguments)
        {
            arguments.Add(name, Checked(name, value));
        }

        EventPipeProvider provider =
            new(Provider, System.Diagnostics.Tracing.EventLevel.Informational, RequestsKeyword, arguments);
        EventPipeSession session = await OpenAsync(target, provider, timeout, cancelled).ConfigureAwait(false);
        return new Exchange(target, session, id, timeout) { Progress = progress, MayWake = mayWake };
    }

    // The one answer to a request.
    public static async Task<JsonElement> AskAsync(
        Target target, Request request, TimeSpan timeout, CancellationToken cancelled,
        Action<long, long>? progress = null, bool mayWake = true)
    {
        await using Exchange exchange =
            await StartAsync(target, request, timeout, progress, mayWake, cancelled).ConfigureAwait(false);
        return await exchange.NextAsync(cancelled).ConfigureAwait(false);
    }

    // The next answer. Throws ToolException if there is none.
    public async Task<JsonElement> NextAsync(CancellationToken cancelled)
    {
        while (true)
        {
            Reply reply = await NextReplyAsync(cancelled).ConfigureAwait(false);
            switch (reply.Kind)
            {
                case ReplyKind.Accepted:
                    RequireProtocol(reply);
                    break;
                case ReplyKind.Progress:
                    Progress?.Invoke(reply.First, reply.Second);
                    break;
                case ReplyKind.Failed:
                    throw new ToolException(ToolError.Refused, $"Process {_target.Id} refuses: {reply.Text}")
                    {
                        Refusal = reply.Code,
                    };
                default:
                    if (Add(reply))
                    {
                        string text = _text.ToString();
                        _text.Clear();
                        _parts = 0;
                        return Parse(text);
                    }

                    break;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        using CancellationTokenSource limit = new(_timeout);
        try
        {
            await _session.StopAsync(limit.Token).ConfigureAwait(false);
            await _reading.WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception failure) when (IsConnectionLost(failure) || failure is OperationCanceledException)
        {
            // The process has ended or is stopped. The runtime ends the session when it finds the stream closed.
        }

        _session.Dispose();
    }

    private async Task<Reply> NextReplyAsync(CancellationToken cancelled)
    {
        if (!_isAccepted && MayWake && _timeout > s_wakeAfter)
        {
            if (await TryNextAsync(s_wakeAfter, cancelled).ConfigureAwait(false) is { } early)
            {
                return early;
            }

            await using Waker waker = await Waker.StartAsync(_target, _timeout, cancelled).ConfigureAwait(false);
            return await TryNextAsync(_timeout, cancelled).ConfigureAwait(false) ?? throw _target.Unanswered(_timeout);
        }

        return await TryNextAsync(_timeout, cancelled).ConfigureAwait(false) ?? throw _target.Unanswered(_timeout);
    }

    // Null if nothing has come in time.
    private async Task<Reply?> TryNextAsync(TimeSpan time, CancellationToken cancelled)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        limit.CancelAfter(time);
        try
        {
            return await _replies.Reader.ReadAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancelled.IsCancellationRequested)
        {
            return null;
        }
        catch (ChannelClosedException)
        {
            throw new ToolException(ToolError.ProcessEnded, $"Process {_target.Id} has ended before it answered.");
        }
    }

    private void RequireProtocol(Reply reply)
    {
        _isAccepted = true;
        if (reply.First != Protocol)
        {
            throw new ToolException(
                ToolError.OtherVersion,
                $"Process {_target.Id} uses Hakmem {reply.Text}, which speaks version {reply.First} of the protocol. " +
                $"This tool speaks version {Protocol}: install the one of that version.");
        }
    }

    // Whether this was the last part.
    private bool Add(Reply reply)
    {
        if (reply.First != _parts++)
        {
            throw new ToolException(
                ToolError.NoAnswer, $"A part of the answer of process {_target.Id} was lost. Try again.");
        }

        _text.Append(reply.Text);
        return reply.Second != 0;
    }

    private JsonElement Parse(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException failure)
        {
            throw new ToolException(
                ToolError.NoAnswer, $"The answer of process {_target.Id} cannot be read: {failure.Message}");
        }
    }

    // The runtime separates arguments by these.
    private static string Checked(string name, string value) =>
        value.IndexOfAny([';', '=', '"', '\0']) < 0 && value.Length <= 512
        ? value
        : throw new ToolException(
            ToolError.Usage,
            $"{name} \"{value}\" cannot be asked for: it is too long, or has one of the characters ; = \".");

    private static async Task<EventPipeSession> OpenAsync(
        Target target, EventPipeProvider provider, TimeSpan timeout, CancellationToken cancelled)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        limit.CancelAfter(timeout);
        try
        {
            return await new DiagnosticsClient(target.Id).StartEventPipeSessionAsync(
                [provider], requestRundown: false, BufferMegabytes, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancelled.IsCancellationRequested)
        {
            throw target.Unanswered(timeout);
        }
        catch (UnauthorizedAccessException)
        {
            throw new ToolException(
                ToolError.OtherUser,
                $"Process {target.Id} belongs to another user. Run hakmem as that user, or as root.");
        }
        catch (Exception failure) when (IsConnectionLost(failure))
        {
            throw target.IsAlive
                ? new ToolException(
                    ToolError.NoDiagnostics,
                    $"Process {target.Id} does not let a session be started: {failure.Message}")
                : target.Ended();
        }
    }

    private static bool IsConnectionLost(Exception failure) =>
        failure is IOException or DiagnosticsClientException or TimeoutException or ObjectDisposedException or
        System.Net.Sockets.SocketException or InvalidOperationException;

    // Has the runtime of a process collect garbage once, by a session whose events nobody wants.
    private sealed class Waker(EventPipeSession session, Task draining) : IAsyncDisposable
    {
        public static async Task<Waker> StartAsync(Target target, TimeSpan timeout, CancellationToken cancelled)
        {
            EventPipeProvider provider =
                new(Runtime, System.Diagnostics.Tracing.EventLevel.Informational, CollectKeyword);
            EventPipeSession session = await OpenAsync(target, provider, timeout, cancelled).ConfigureAwait(false);
            return new Waker(session, session.EventStream.CopyToAsync(Stream.Null, CancellationToken.None));
        }

        public async ValueTask DisposeAsync()
        {
            using CancellationTokenSource limit = new(s_wakeAfter);
            try
            {
                await session.StopAsync(limit.Token).ConfigureAwait(false);
                await draining.WaitAsync(limit.Token).ConfigureAwait(false);
            }
            catch (Exception failure) when (IsConnectionLost(failure) || failure is OperationCanceledException)
            {
                // As above.
            }

            session.Dispose();
        }
    }
}

// What to ask for, and the arguments of that.
internal sealed record Request(string Name)
{
    public IReadOnlyDictionary<string, string> Arguments { get; init; } = new Dictionary<string, string>();

    // Leaves out what is null.
    public static Request Of(string name, params (string Name, object? Value)[] arguments) => new(name)
    {
        Arguments = arguments.Where(argument => argument.Value is not null).ToDictionary(
            argument => argument.Name, argument => Convert.ToString(argument.Value, CultureInfo.InvariantCulture)!),
    };
}
