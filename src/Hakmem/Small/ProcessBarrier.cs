using System;
using System.Threading;

namespace Hakmem.Small;

// A memory barrier on every processor that runs this process: the reaper's, so that the fast paths need none.
internal static class ProcessBarrier
{
#if NET
    public static bool IsSupported => true;

    public static void Run() => Interlocked.MemoryBarrierProcessWide();
#else
    // netstandard2.0 has no such call; of the runtimes that may load the build, .NET has it and Mono does not.
    private static readonly Action? s_run = (Action?)typeof(Interlocked)
        .GetMethod("MemoryBarrierProcessWide")?.CreateDelegate(typeof(Action));

    public static bool IsSupported => s_run is not null;

    public static void Run() => s_run!();
#endif
}
