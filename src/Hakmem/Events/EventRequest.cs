using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Threading;

namespace Hakmem.Events;

// One request that a session of the event source has made, and how it is answered: by events that carry its identifier.
//
// Used by the one thread that serves it, except for End.
internal sealed class EventRequest(HakmemEventSource source, string id, string name, Dictionary<string, string> values)
{
    // The version of the names of requests, of their arguments, of the answers' members and of the events. A tool
    // refuses to read a later one.
    public const int Protocol = 1;

    // An event has at most 64 KiB, and a character two bytes.
    private const int MaxPartChars = 16 * 1024;

    // How often a request that waits says so: whoever listens may be gone, and the runtime finds that out by writing.
    private const int ProgressMs = 250;

    private const int PollMs = 50;

    // How long, and how often, a session gets events after the last answer. A reader keeps the latest events to itself
    // until it has seen later ones, because those of several threads may be out of order.
    private const int LingerMs = 5_000;
    private const int LingerStepMs = 40;

    // How long a request may wait in all whose client cannot be seen, in milliseconds: from inside a container a live
    // one looks like one that has ended.
    private const int UnseenClientMs = 60_000;

    private readonly Stopwatch _age = Stopwatch.StartNew();

    // The process that asks; zero if it did not say, or if it cannot be seen from here.
    private int _client;

    private bool _isClientUnseen;

    // Whether the session has ended. Set by any thread, and never cleared; read by the one that serves the request.
    private volatile bool _isEnded;

    public string Id => id;

    public string Name => name;

    // Whether nobody waits for the answer any more.
    public bool IsEnded => _isEnded || !source.HearsAnswers;

    // Called when the session that made the request has ended.
    public void End() => _isEnded = true;

    public string TextOf(string argument, string otherwise = "") =>
        values.TryGetValue(argument, out string? value) ? value : otherwise;

    // A whole number within bounds. Throws RequestException for anything else.
    public long NumberOf(string argument, long otherwise, long least, long most)
    {
        string text = TextOf(argument);
        if (text.Length == 0)
        {
            return otherwise;
        }

        return long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long number) &&
            number >= least && number <= most
            ? number
            : throw new RequestException(
                RequestException.BadArgument,
                $"The argument {argument} must be a whole number from {least} to {most}, and is \"{text}\".");
    }

    public void Accept(string clientArgument)
    {
        int client = (int)NumberOf(clientArgument, 0, 0, int.MaxValue);
        _isClientUnseen = client != 0 && !IsRunning(client);
        _client = _isClientUnseen ? 0 : client;
        source.TellAccepted(id);
    }

    // A longer message is cut, and not within a character: an event that is too large would be dropped.
    public void Fail(string code, string message)
    {
        int length = Math.Min(message.Length, MaxPartChars);
        bool cutsCharacter = length < message.Length && char.IsHighSurrogate(message[length - 1]);
        source.TellFailed(id, code, message.Substring(0, cutsCharacter ? length - 1 : length));
    }

    // Answers, in as many parts as it takes. A request has one answer, or one for each moment that it asked for.
    public void Answer(string text)
    {
        int part = 0;
        for (int at = 0; at < text.Length; at += MaxPartChars)
        {
            int length = Math.Min(MaxPartChars, text.Length - at);
            source.TellAnswer(id, part++, at + length == text.Length, text.Substring(at, length));
        }
    }

    // Until the session ends, sends what pushes the answer on to who waits for it.
    public void Linger()
    {
        for (int waitedMs = 0; waitedMs < LingerMs && !IsEnded; waitedMs += LingerStepMs)
        {
            Thread.Sleep(LingerStepMs);
            source.TellProgress(id, 0, 0);
        }
    }

    // Waits, and says so from time to time. False if nobody waits for the answer any more. Throws RequestException if
    // that would be longer than a client may have that cannot be seen.
    public bool Wait(long milliseconds)
    {
        if (_isClientUnseen && _age.ElapsedMilliseconds + milliseconds >= UnseenClientMs)
        {
            throw new RequestException(
                RequestException.ClientUnseen,
                $"The process that asks cannot be seen from here: it has ended, or one of the two is in a container. " +
                $"Such a request may wait for less than {UnseenClientMs / 1_000} s in all.");
        }

        Stopwatch waited = Stopwatch.StartNew();
        long toldAt = 0;
        while (waited.ElapsedMilliseconds < milliseconds && !IsEnded)
        {
            Thread.Sleep((int)Math.Min(PollMs, Math.Max(1, milliseconds - waited.ElapsedMilliseconds)));
            if (waited.ElapsedMilliseconds - toldAt >= ProgressMs)
            {
                toldAt = waited.ElapsedMilliseconds;
                source.TellProgress(id, toldAt, milliseconds);
                if (_client != 0 && !IsRunning(_client))
                {
                    _isEnded = true;
                }
            }
        }

        return !IsEnded;
    }

    private static bool IsRunning(int process)
    {
        try
        {
            Process.GetProcessById(process).Dispose();
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}

// A request that cannot be served, with the reason for a program and for people.
internal sealed class RequestException(string code, string message) : Exception(message)
{
    public const string BadArgument = "bad-argument";
    public const string UnknownRequest = "unknown-request";
    public const string NoHeap = "no-heap";
    public const string ProfilerRuns = "profiler-runs";
    public const string NotSupported = "not-supported";
    public const string Busy = "busy";
    public const string ClientUnseen = "client-unseen";
    public const string Failed = "failed";

    public string Code => code;
}
