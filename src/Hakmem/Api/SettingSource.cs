using System;
using System.Runtime.ExceptionServices;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Api;

// Where settings come from, asked without being ended by an interrupt or running a SynchronizationContext's code: the
// framework's tables have locks. An interrupt that comes meanwhile waits for the caller's own next wait.
internal static unsafe class SettingSource
{
    public static object? GetData(string name)
    {
        CallState<string, object?> asked = new(name, null);
        Ask(ref asked, &GetData);
        return asked.Value;

        static void GetData(ref CallState<string, object?> asked) => asked.Value = AppContext.GetData(asked.Target);
    }

    public static string? GetVariable(string name)
    {
        CallState<string, string?> asked = new(name, null);
        Ask(ref asked, &GetVariable);
        return asked.Value;

        static void GetVariable(ref CallState<string, string?> asked) =>
            asked.Value = Environment.GetEnvironmentVariable(asked.Target);
    }

    // Until it is done: what a heap is made of must not depend on an interrupt. Throws what else the question does.
    public static void Ask<T>(ref T state, delegate*<ref T, void> question)
    {
        Exception? failure = FrameworkCall.Try(ref state, question);
        while (failure is ThreadInterruptedException)
        {
            failure = FrameworkCall.Try(ref state, question);
        }

        if (failure is not null)
        {
            ExceptionDispatchInfo.Capture(failure).Throw();
        }
    }
}
