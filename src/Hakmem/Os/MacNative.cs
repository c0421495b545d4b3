using System.Runtime.InteropServices;

namespace Hakmem.Os;

// The functions of macOS's system library.
internal static unsafe partial class MacNative
{
    private const string Library = "libSystem.dylib";

    [LibraryImport(Library, EntryPoint = "mmap")]
    public static partial byte* Map(byte* address, nuint bytes, int protection, int flags, int file, long offset);

    [LibraryImport(Library, EntryPoint = "munmap")]
    public static partial int Unmap(byte* address, nuint bytes);

    [LibraryImport(Library, EntryPoint = "mprotect")]
    public static partial int Protect(byte* address, nuint bytes, int protection);

    // macOS 14.4. Sleeps while the word has the value, until a wake, a signal, or for no reason.
    [LibraryImport(Library, EntryPoint = "os_sync_wait_on_address")]
    public static partial int WaitOnAddress(int* word, ulong value, nuint bytes, uint flags);

    [LibraryImport(Library, EntryPoint = "os_sync_wake_by_address_any")]
    public static partial int WakeByAddressAny(int* word, nuint bytes, uint flags);

    // Sleeps. A signal may end it early.
    [LibraryImport(Library, EntryPoint = "usleep")]
    public static partial int Sleep(uint microseconds);
}
