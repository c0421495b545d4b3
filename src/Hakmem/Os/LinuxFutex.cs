using System.Runtime.InteropServices;

namespace Hakmem.Os;

// The two futex operations behind WordWait, for words of this process alone. The C library has no function for them but
// syscall.
internal static unsafe partial class LinuxFutex
{
    private const int NumberX64 = 202;

    // Of the kernels' generic table, which Arm64 takes.
    private const int NumberGeneric = 98;

    private const int OperationWait = 0;
    private const int OperationWake = 1;
    private const int FlagPrivate = 128;

    // By the name that glibc has it loaded under already; musl takes the name for itself.
    private const string Library = "libc.so.6";

    private static readonly nint s_number =
        RuntimeInformation.ProcessArchitecture == Architecture.X64 ? NumberX64 : NumberGeneric;

    // Sleeps until a wake, a signal, or for no reason, if the word has the value; else returns at once. The result says
    // which, and the caller looks at the word again whatever it is.
    public static void Wait(int* word, int value) => _ = Call(s_number, word, OperationWait | FlagPrivate, value, null, null, 0);

    public static void WakeOne(int* word) => _ = Call(s_number, word, OperationWake | FlagPrivate, 1, null, null, 0);

    // Variadic in C; all its arguments are passed in registers, as those of an ordinary function, on x86-64 and Arm64
    // Linux. It keeps its GC transition: a collection must not wait for a sleeping thread. The error number is not
    // asked for, so that the program's own last error stays what it was.
    [LibraryImport(Library, EntryPoint = "syscall")]
    private static partial nint Call(nint number, int* word, nint operation, nint value, void* timeout, int* word2, nint value3);
}
