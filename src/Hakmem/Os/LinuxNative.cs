using System.Runtime.InteropServices;

// System libraries are not searched for in the program's own directory.
[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace Hakmem.Os;

// The system calls, with the constants of the x86-64 and Arm64 kernels (both use the generic values). They keep their
// GC transition: a discard of a large range can take milliseconds, and a collection must not wait for it.
internal static unsafe partial class LinuxNative
{
    public const int ProtectNone = 0;
    public const int ProtectRead = 1;
    public const int ProtectWrite = 2;
    public const int ProtectExecute = 4;

    public const int MapPrivateAnonymous = 0x02 | 0x20;
    public const int MapFixed = 0x10;
    public const int MapNoReserve = 0x4000;

    // Linux 4.17: refused if anything is mapped there. An older kernel treats the address as a hint.
    public const int MapFixedNoReplace = 0x100000;

    public const int RemapMayMove = 1;
    public const int RemapFixed = 2;
    public const int RemapDontUnmap = 4;

    // To a given place, leaving empty pages where they were (5.7).
    public const int RemapAndEmpty = RemapMayMove | RemapFixed | RemapDontUnmap;

    public const int AdviseWillNeed = 3;
    public const int AdviseDontNeed = 4;
    public const int AdviseHugePage = 14;
    public const int AdviseNoHugePage = 15;
    public const int AdvisePopulateWrite = 23;
    public const int AdviseDontDump = 16;
    public const int AdviseDoDump = 17;

    public const int ErrorNotPermitted = 1;
    public const int ErrorNoEntry = 2;
    public const int ErrorInterrupted = 4;
    public const int ErrorNoMemory = 12;
    public const int ErrorNoAccess = 13;
    public const int ErrorNotDirectory = 20;
    public const int ErrorIsDirectory = 21;
    public const int ErrorInvalid = 22;

    // More than pthread_attr_t has with any C library.
    public const int MaxAttributesBytes = 256;

    public const int OpenReadOnly = 0;
    public const int OpenCloseOnExec = 0x80000;

    // The name under which glibc is loaded already, so that no directory is searched; musl treats it as its own.
    private const string Library = "libc.so.6";

    public static byte* MapFailed => (byte*)-1;

    public static int LastError => Marshal.GetLastPInvokeError();

    // Cannot fail. The framework's property first loads types of its own, some 0.1 ms of a process's first allocation.
    [LibraryImport(Library, EntryPoint = "getpagesize")]
    public static partial int PageSize();

    [LibraryImport(Library, EntryPoint = "mmap", SetLastError = true)]
    public static partial byte* Map(byte* address, nuint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport(Library, EntryPoint = "munmap", SetLastError = true)]
    public static partial int Unmap(byte* address, nuint bytes);

    [LibraryImport(Library, EntryPoint = "mprotect", SetLastError = true)]
    public static partial int Protect(byte* address, nuint bytes, int protection);

    [LibraryImport(Library, EntryPoint = "madvise", SetLastError = true)]
    public static partial int Advise(byte* address, nuint bytes, int advice);

    // Variadic in C. Only calls that create a file pass anything in the variable part.
    [LibraryImport(Library, EntryPoint = "open", SetLastError = true)]
    public static partial int Open(byte* path, int flags);

    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int file, byte* into, nuint bytes);

    [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int file);

    [LibraryImport(Library, EntryPoint = "getpid")]
    public static partial int ProcessId();

    // The vectors are the kernel's iovec: an address and a length each.
    [LibraryImport(Library, EntryPoint = "process_vm_readv", SetLastError = true)]
    public static partial nint ReadProcess(
        int process, nuint* into, nuint intoCount, nuint* from, nuint fromCount, nuint flags);

    // The actions are struct sigaction of the C library.
    [LibraryImport(Library, EntryPoint = "sigaction", SetLastError = true)]
    public static partial int SignalAction(int signal, byte* action, byte* previous);

    [LibraryImport(Library, EntryPoint = "pthread_self")]
    public static partial nint ThreadSelf();

    // The attributes are pthread_attr_t of the C library. The result of the next three is an error, or 0.
    [LibraryImport(Library, EntryPoint = "pthread_getattr_np")]
    public static partial int ThreadAttributes(nint thread, byte* attributes);

    [LibraryImport(Library, EntryPoint = "pthread_attr_getstack")]
    public static partial int StackOf(byte* attributes, byte** begin, nuint* bytes);

    [LibraryImport(Library, EntryPoint = "pthread_attr_destroy")]
    public static partial int DestroyAttributes(byte* attributes);

    // Variadic in C. x86-64 and Arm64 Linux pass its fifth argument as they pass the others.
    [LibraryImport(Library, EntryPoint = "mremap", SetLastError = true)]
    public static partial byte* Remap(byte* address, nuint oldBytes, nuint newBytes, int flags, byte* newAddress);

    // One byte for each page of a range, whose lowest bit says whether it has memory.
    [LibraryImport(Library, EntryPoint = "mincore", SetLastError = true)]
    public static partial int ResidentPages(byte* address, nuint bytes, byte* pages);

    // A stream of the C library that writes into memory, which NativeMemory frees after CloseStream.
    [LibraryImport(Library, EntryPoint = "open_memstream", SetLastError = true)]
    public static partial nint OpenMemoryStream(byte** text, nuint* bytes);

    [LibraryImport(Library, EntryPoint = "fclose", SetLastError = true)]
    public static partial int CloseStream(nint stream);

    // glibc only: elsewhere the call throws EntryPointNotFoundException.
    [LibraryImport(Library, EntryPoint = "malloc_info")]
    public static partial int MallocInfo(int options, nint stream);
}
