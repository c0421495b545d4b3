using System;
using System.Collections.Generic;
using System.Reflection;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Events;

// The requests that sessions make of the event source, as arguments of its provider: `Request` names what is asked for,
// `Id` tells requests apart, `Client` is the identifier of the process that asks, and all others belong to the request.
// docs/operations.md has them.
//
// Each is served by a thread of its own, because the thread that brings it is one of the runtime's. That thread enters
// no lock of a heap, and only the request's thread waits for one.
//
// A request ends with its session. Of that the runtime tells only if no other session is left; so a request that waits
// also looks whether its client is still there.
//
// Thread-safe.
internal static class EventRequests
{
    private const string NameKey = "Request";
    private const string IdKey = "Id";
    private const string ClientKey = "Client";

    // More than a few tools at a time are a mistake.
    private const int MaxRunning = 8;

    private const int MaxRemembered = 64;

    private static readonly UninterruptibleLock s_lock = new();

    // Guarded by s_lock.
    private static readonly EventRequest?[] s_running = new EventRequest?[MaxRunning];

    // The identifiers of the latest requests, of which the oldest is at s_served. Runtimes
    // before .NET 8 bring the arguments of an ended session again while another is open. Both guarded by s_lock.
    private static readonly string?[] s_latest = new string?[MaxRemembered];
    private static int s_served;

    // Created by the first request; a second one that is created meanwhile is as good.
    private static IRequestHandler? s_handler;

    // Takes what a command of a session brings; does nothing if that is no request.
    public static void Receive(HakmemEventSource source, IDictionary<string, string?>? arguments)
    {
        if (arguments is null || !arguments.TryGetValue(NameKey, out string? name) || string.IsNullOrEmpty(name) ||
            !arguments.TryGetValue(IdKey, out string? id) || string.IsNullOrEmpty(id))
        {
            return;
        }

        Dictionary<string, string> values = new(StringComparer.Ordinal);
        foreach (KeyValuePair<string, string?> argument in arguments)
        {
            values[argument.Key] = argument.Value ?? "";
        }

        Running running = new(new EventRequest(source, id!, name!, values));
        if (!TryEnter(running))
        {
            return;
        }

        try
        {
            new Thread(Serve) { IsBackground = true, Name = "Hakmem request" }.Start(running);
        }
        catch (Exception)
        {
            // The system has no memory for a thread: no answer is the answer, and the caller is the runtime's thread.
            Leave(running);
        }
    }

    // Ends all requests, because no session is left.
    public static void EndAll()
    {
        using (s_lock.Enter())
        {
            foreach (EventRequest? request in s_running)
            {
                request?.End();
            }
        }
    }

    // Gives a request a place, or none if there are too many; false if it was brought before.
    private static bool TryEnter(Running running)
    {
        string id = running.Request.Id;
        using (s_lock.Enter())
        {
            // One that runs may be older than all that are remembered.
            foreach (EventRequest? request in s_running)
            {
                if (request?.Id == id)
                {
                    return false;
                }
            }

            if (Array.IndexOf(s_latest, id) >= 0)
            {
                return false;
            }

            s_latest[s_served] = id;
            s_served = (s_served + 1) % MaxRemembered;
            running.Place = Array.IndexOf(s_running, null);
            if (running.Place >= 0)
            {
                s_running[running.Place] = running.Request;
            }

            return true;
        }
    }

    private static void Leave(Running running)
    {
        if (running.Place >= 0)
        {
            using (s_lock.Enter())
            {
                s_running[running.Place] = null;
            }
        }
    }

    // No exception may leave: it would end the process.
    private static void Serve(object? state)
    {
        Running running = (Running)state!;
        try
        {
            running.Request.Accept(ClientKey);
            if (running.Place < 0)
            {
                throw new RequestException(RequestException.Busy, $"{MaxRunning} requests are being served already.");
            }

            Handler.Handle(running.Request);
        }
        catch (Exception failure)
        {
            TellFailure(running.Request, failure);
        }

        Leave(running);
        try
        {
            running.Request.Linger();
        }
        catch (Exception)
        {
            // As in TellFailure.
        }
    }

    private static IRequestHandler Handler => s_handler ??= CreateHandler();

    private static IRequestHandler CreateHandler()
    {
        Type handler = typeof(EventRequests).Assembly.GetCustomAttribute<RequestHandlerAttribute>()!.Handler;
        return (IRequestHandler)Activator.CreateInstance(handler)!;
    }

    private static void TellFailure(EventRequest request, Exception failure)
    {
        try
        {
            string code = (failure as RequestException)?.Code ?? RequestException.Failed;
            string text = failure is RequestException ? failure.Message : $"{failure.GetType()}: {failure.Message}";
            request.Fail(code, text);
        }
        catch (Exception)
        {
            // Memory is out, or a listener in the process throws: whoever asked gets no answer, and says so.
        }
    }

    private sealed class Running(EventRequest request)
    {
        public EventRequest Request => request;

        // Its index in s_running; -1 for none.
        public int Place { get; set; } = -1;
    }
}
