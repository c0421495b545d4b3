using System;
using System.Diagnostics;

namespace Hakmem.Compat;

// Static members that the class has got since netstandard2.0.
internal static class EnvironmentMembers
{
    extension(Environment)
    {
        // Milliseconds since some moment; never steps back, nor wraps as TickCount does.
        public static long TickCount64 => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000);
    }
}
