using System;
using System.Threading;

namespace Hakmem.Small;

// A memory barrier on every processor that runs a thread of this process: what lets the reaper's side pay for the fast paths' lack of one.
internal static class ProcessBarrier
{
#if NET
    public static bool IsSupported => true;

    public static void Run() => Interlocked.MemoryBarrierProcessWide();
#else
    // netstandard2.0 has no such call, but the runtimes that the build is for may: .NET has, Mono has not.
    private static readonly Action? s_run = (Action?)typeof(Interlocked).GetMethod("MemoryBarrierProcessWide")?.CreateDelegate(typeof(Action));

    public static bool IsSupported => s_run is not null;

    public static void Run() => s_run!();
#endif
}
