using System;
using System.Threading;

namespace Hakmem.Os;

// Blocks a thread until another one changes a word, for WordLock.
//
// The wait is the kernel's: a futex on Linux, WaitOnAddress on Windows, os_sync_wait_on_address on macOS. It is entered
// by a plain native call, of which the runtime does not know: Thread.Interrupt does not end it but stays pending, and
// no SynchronizationContext is asked to wait. Every wait of the framework (a contended Monitor, Thread.Sleep, SpinWait
// past its first turns) differs in both.
//
// Before macOS 14.4, which lacks the call, a waiting thread sleeps for a moment and reads the word again. Elsewhere it
// yields, which is correct but uses processor time.
//
// Thread-safe. A wait may end without a wake: the caller reads the word again.
internal static unsafe class WordWait
{
    private const uint MacSleepMicroseconds = 50;

    private static readonly bool s_hasMacWait = OperatingSystem.IsMacOSVersionAtLeast(14, 4);

    // Has the runtime bind the native calls, on a thread that waits for nothing: the first wait comes in the middle of
    // something else, and binding needs managed memory.
    public static void Prepare()
    {
        int word = 0;
        Wait(ref word, 1);
        WakeOne(ref word);
    }

    // Waits while the word has a value. Returns at once if it has another.
    // SAFETY: the word does not move while a thread waits on it, since the local below pins the object that contains
    // it. A word in unmanaged memory must stay allocated.
    public static void Wait(ref int word, int value)
    {
        fixed (int* address = &word)
        {
            if (OperatingSystem.IsLinux() && LinuxFutex.IsSupported)
            {
                LinuxFutex.Wait(address, value);
            }
            else if (OperatingSystem.IsWindows())
            {
                _ = WindowsNative.WaitOnAddress(address, &value, sizeof(int), WindowsNative.Infinite);
            }
            else if (Volatile.Read(ref word) == value)
            {
                WaitElsewhere(address, value);
            }
        }
    }

    // Wakes one thread that waits on the word, if there is one.
    // SAFETY: a waiting thread has pinned the word, so it waits at the address that the word has here.
    public static void WakeOne(ref int word)
    {
        fixed (int* address = &word)
        {
            if (OperatingSystem.IsLinux() && LinuxFutex.IsSupported)
            {
                _ = LinuxFutex.WakeOne(address);
            }
            else if (OperatingSystem.IsWindows())
            {
                WindowsNative.WakeByAddressSingle(address);
            }
            else if (s_hasMacWait)
            {
                _ = MacNative.WakeByAddressAny(address, sizeof(int), 0);
            }
        }
    }

    private static void WaitElsewhere(int* address, int value)
    {
        if (s_hasMacWait)
        {
            _ = MacNative.WaitOnAddress(address, (uint)value, sizeof(int), 0);
        }
        else if (OperatingSystem.IsMacOS())
        {
            _ = MacNative.Sleep(MacSleepMicroseconds);
        }
        else
        {
            Thread.Yield();
        }
    }
}
