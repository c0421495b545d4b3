using System;
using System.Threading;

namespace Hakmem;

// What all members that wait for room have in common.
internal static class Waiting
{
    // Returns milliseconds; -1 for no limit.
    public static int RequireTimeout(TimeSpan timeout)
    {
        double timeoutMs = Math.Truncate(timeout.TotalMilliseconds);
        return timeoutMs is >= Timeout.Infinite and <= int.MaxValue
            ? (int)timeoutMs
            : throw new ArgumentOutOfRangeException(
                nameof(timeout), timeout, $"The timeout must be -1 ms for none, or from 0 to {int.MaxValue} ms.");
    }
}
