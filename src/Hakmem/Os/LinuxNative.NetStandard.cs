using System.Runtime.InteropServices;

namespace Hakmem.Os;

// The same system calls for netstandard2.0, which has no source generator for them. No argument needs marshalling.
internal static unsafe partial class LinuxNative
{
    [DllImport(Library, EntryPoint = "getpagesize")]
    public static extern partial int PageSize();

    [DllImport(Library, EntryPoint = "mmap", SetLastError = true)]
    public static extern partial byte* Map(
        byte* address, nuint bytes, int protection, int flags, int file, nint offset);

    [DllImport(Library, EntryPoint = "munmap", SetLastError = true)]
    public static extern partial int Unmap(byte* address, nuint bytes);

    [DllImport(Library, EntryPoint = "mprotect", SetLastError = true)]
    public static extern partial int Protect(byte* address, nuint bytes, int protection);

    [DllImport(Library, EntryPoint = "madvise", SetLastError = true)]
    public static extern partial int Advise(byte* address, nuint bytes, int advice);

    [DllImport(Library, EntryPoint = "open", SetLastError = true)]
    public static extern partial int Open(byte* path, int flags);

    [DllImport(Library, EntryPoint = "read", SetLastError = true)]
    public static extern partial nint Read(int file, byte* into, nuint bytes);

    [DllImport(Library, EntryPoint = "close", SetLastError = true)]
    public static extern partial int Close(int file);

    [DllImport(Library, EntryPoint = "getpid")]
    public static extern partial int ProcessId();

    [DllImport(Library, EntryPoint = "process_vm_readv", SetLastError = true)]
    public static extern partial nint ReadProcess(
        int process, nuint* into, nuint intoCount, nuint* from, nuint fromCount, nuint flags);

    [DllImport(Library, EntryPoint = "sigaction", SetLastError = true)]
    public static extern partial int SignalAction(int signal, byte* action, byte* previous);

    [DllImport(Library, EntryPoint = "pthread_self")]
    public static extern partial nint ThreadSelf();

    [DllImport(Library, EntryPoint = "pthread_getattr_np")]
    public static extern partial int ThreadAttributes(nint thread, byte* attributes);

    [DllImport(Library, EntryPoint = "pthread_attr_getstack")]
    public static extern partial int StackOf(byte* attributes, byte** begin, nuint* bytes);

    [DllImport(Library, EntryPoint = "pthread_attr_destroy")]
    public static extern partial int DestroyAttributes(byte* attributes);

    [DllImport(Library, EntryPoint = "mremap", SetLastError = true)]
    public static extern partial byte* Remap(
        byte* address, nuint oldBytes, nuint newBytes, int flags, byte* newAddress);

    [DllImport(Library, EntryPoint = "mincore", SetLastError = true)]
    public static extern partial int ResidentPages(byte* address, nuint bytes, byte* pages);

    [DllImport(Library, EntryPoint = "open_memstream", SetLastError = true)]
    public static extern partial nint OpenMemoryStream(byte** text, nuint* bytes);

    [DllImport(Library, EntryPoint = "fclose", SetLastError = true)]
    public static extern partial int CloseStream(nint stream);

    [DllImport(Library, EntryPoint = "malloc_info")]
    public static extern partial int MallocInfo(int options, nint stream);
}
