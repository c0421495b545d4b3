using System;
using System.Collections.Generic;

namespace Hakmem.AspNetCore.Pooling;

// Finds invalid options, for the pool's constructor and for the check when a host starts.
internal static class PinnedMemoryPoolOptionsCheck
{
    private const int MaxThreadCacheBlocks = 4096;

    // A third of the minimum is a timer step of ten milliseconds, which timers can keep. More than a day is a mistake.
    private static readonly TimeSpan s_minIdleTimeout = TimeSpan.FromMilliseconds(30);
    private static readonly TimeSpan s_maxIdleTimeout = TimeSpan.FromDays(1);

    public static IEnumerable<string> Findings(PinnedMemoryPoolOptions options)
    {
        if (options.MaxBytes is not 0 and < PinnedSlab.Bytes)
        {
            yield return
                $"{nameof(options.MaxBytes)} is {options.MaxBytes}, " +
                $"and must be 0 (no limit) or at least {PinnedSlab.Bytes}.";
        }

        if (options.IdleTimeout < s_minIdleTimeout || options.IdleTimeout > s_maxIdleTimeout)
        {
            yield return
                $"{nameof(options.IdleTimeout)} is {options.IdleTimeout}, and must be from {s_minIdleTimeout} to " +
                $"{s_maxIdleTimeout} (hh:mm:ss).";
        }

        if (options.ThreadCacheBlocks is < 0 or > MaxThreadCacheBlocks)
        {
            yield return
                $"{nameof(options.ThreadCacheBlocks)} is {options.ThreadCacheBlocks}, " +
                $"and must be from 0 to {MaxThreadCacheBlocks}.";
        }
    }
}
