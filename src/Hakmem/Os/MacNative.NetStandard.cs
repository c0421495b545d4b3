using System.Runtime.InteropServices;

namespace Hakmem.Os;

// The same functions for netstandard2.0, which has no source generator for them. No argument needs marshalling.
internal static unsafe partial class MacNative
{
    [DllImport(Library, EntryPoint = "mmap")]
    public static extern partial byte* Map(
        byte* address, nuint bytes, int protection, int flags, int file, long offset);

    [DllImport(Library, EntryPoint = "munmap")]
    public static extern partial int Unmap(byte* address, nuint bytes);

    [DllImport(Library, EntryPoint = "mprotect")]
    public static extern partial int Protect(byte* address, nuint bytes, int protection);

    [DllImport(Library, EntryPoint = "os_sync_wait_on_address")]
    public static extern partial int WaitOnAddress(int* word, ulong value, nuint bytes, uint flags);

    [DllImport(Library, EntryPoint = "os_sync_wake_by_address_any")]
    public static extern partial int WakeByAddressAny(int* word, nuint bytes, uint flags);

    [DllImport(Library, EntryPoint = "usleep")]
    public static extern partial int Sleep(uint microseconds);
}
