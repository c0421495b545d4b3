using System;
using System.Threading;

namespace Hakmem.Os;

// Blocks a thread until another one changes a word. What WordLock waits with.
//
// The wait is the kernel's (a futex on Linux), entered by a plain native call. The runtime does not know of it, so
// Thread.Interrupt does not end it and stays pending for the program's own next wait, and no SynchronizationContext is
// asked to do the waiting. Every wait of the framework's (a contended Monitor, Thread.Sleep, SpinWait past its first
// turns) differs in both.
//
// On other systems a waiting thread gives up its turn instead of sleeping: right, but it costs processor time while it
// lasts.
//
// Thread-safe. A wait may end without a wake: the caller looks at the word again.
internal static unsafe class WordWait
{
    private static readonly bool s_hasFutex = OperatingSystem.IsLinux();

    // Waits while the word has a value. Returns at once if it has another.
    // SAFETY: the word does not move while a thread waits on it, since the local below pins the object that holds it; one in unmanaged
    // memory must stay allocated.
    public static void Wait(ref int word, int value)
    {
        if (s_hasFutex)
        {
            fixed (int* address = &word)
            {
                LinuxFutex.Wait(address, value);
            }
        }
        else if (Volatile.Read(ref word) == value)
        {
            Thread.Yield();
        }
    }

    // Wakes one thread that waits on the word, if there is one.
    // SAFETY: a waiting thread has pinned the word, so its address here is the one that thread waits at.
    public static void WakeOne(ref int word)
    {
        if (s_hasFutex)
        {
            fixed (int* address = &word)
            {
                LinuxFutex.WakeOne(address);
            }
        }
    }
}
