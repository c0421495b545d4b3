using System.Runtime.InteropServices;

namespace Hakmem.Os;

// The two futex operations behind WordWait, for words of this process only. The C library offers only syscall for them.
internal static unsafe partial class LinuxFutex
{
    private const int NumberX64 = 202;

    // From the kernel's generic table, which Arm64 uses.
    private const int NumberGeneric = 98;

    // x86 and 32-bit Arm, where a process is served by NativeMemory but has the same locks.
    private const int Number32 = 240;

    private const int OperationWait = 0;
    private const int OperationWake = 1;
    private const int FlagPrivate = 128;

    // The name under which glibc is already loaded; musl treats it as its own.
    private const string Library = "libc.so.6";

    private static readonly nint s_number = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => NumberX64,
        Architecture.Arm64 => NumberGeneric,
        Architecture.X86 or Architecture.Arm => Number32,
        _ => 0,
    };

    // Whether the number of the call is known for this processor.
    public static bool IsSupported => s_number != 0;

    // Sleeps while the word has the value, until a wake, a signal, or for no reason: the caller reads the word again.
    public static void Wait(int* word, int value) =>
        _ = Call(s_number, word, OperationWait | FlagPrivate, value, null, null, 0);

    // Returns how many threads were woken, 0 or 1; negative if the call failed.
    public static nint WakeOne(int* word) => Call(s_number, word, OperationWake | FlagPrivate, 1, null, null, 0);

    // Variadic in C; x86-64 and Arm64 Linux pass all its arguments in registers, as for an ordinary function. It keeps
    // its GC transition, as the thread sleeps, and does not read the error number, so that the program's last error
    // stays.
    [LibraryImport(Library, EntryPoint = "syscall")]
    private static partial nint Call(
        nint number, int* word, nint operation, nint value, void* timeout, int* word2, nint value3);
}
