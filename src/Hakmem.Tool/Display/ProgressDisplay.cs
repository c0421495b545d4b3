using System;
using System.Threading.Tasks;
using Hakmem.Tool.Commands;
using Spectre.Console;

namespace Hakmem.Tool.Display;

// Shows how far a request has got that takes its time: on a terminal only.
internal static class ProgressDisplay
{
    public static async Task<T> ShowAsync<T>(bool isSilent, Func<Action<long, long>?, Task<T>> run)
    {
        if (isSilent || Console.IsOutputRedirected)
        {
            return await run(null).ConfigureAwait(false);
        }

        return await CommandBase.Terminal.Status().StartAsync("asking ...", context => run(
            (elapsed, total) => context.Status($"sampling: {elapsed / 1_000} of {total / 1_000} s"))).ConfigureAwait(
                false);
    }
}
