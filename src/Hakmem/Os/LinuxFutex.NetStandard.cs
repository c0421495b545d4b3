using System.Runtime.InteropServices;

namespace Hakmem.Os;

// The same call for netstandard2.0, where no source generator implements it.
internal static unsafe partial class LinuxFutex
{
    [DllImport(Library, EntryPoint = "syscall")]
    private static extern partial nint Call(
        nint number, int* word, nint operation, nint value, void* timeout, int* word2, nint value3);
}
