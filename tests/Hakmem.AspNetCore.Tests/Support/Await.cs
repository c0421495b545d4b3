using System;
using System.Diagnostics;
using System.Threading.Tasks;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Support;

// Waits for what another thread is about to do. Not a timed test: only something that never happens reaches the limit.
internal static class Await
{
    public static readonly TimeSpan Deadlock = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(5);

    public static async Task UntilAsync(Func<bool> condition, Func<string> complaint)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Deadlock, $"Still not after {Deadlock}: {complaint()}");
            await Task.Delay(s_pause);
        }
    }
}
