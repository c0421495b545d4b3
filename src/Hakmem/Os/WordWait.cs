using System;
using System.Threading;

namespace Hakmem.Os;

// Blocks a thread until another one changes a word, for WordLock.
//
// The wait is the kernel's (a futex on Linux), entered by a plain native call. The runtime does not know of it:
// Thread.Interrupt does not end it but stays pending, and no SynchronizationContext is asked to wait. Every wait of the
// framework (a contended Monitor, Thread.Sleep, SpinWait past its first turns) differs in both.
//
// On other systems a waiting thread yields instead of sleeping: correct, but it uses processor time meanwhile.
//
// Thread-safe. A wait may end without a wake: the caller reads the word again.
internal static unsafe class WordWait
{
    private static readonly bool s_hasFutex = OperatingSystem.IsLinux();

    // Waits while the word has a value. Returns at once if it has another.
    // SAFETY: the word does not move while a thread waits on it, since the local below pins the object that contains
    // it. A word in unmanaged memory must stay allocated.
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
    // SAFETY: a waiting thread has pinned the word, so it waits at the address that the word has here.
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
