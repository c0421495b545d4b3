using System.Runtime.InteropServices;

namespace Hakmem.Os;

// The same functions for netstandard2.0, which has no source generator for them. No argument needs marshalling.
internal static unsafe partial class WindowsNative
{
    [DllImport(Kernel, EntryPoint = "VirtualAlloc", SetLastError = true)]
    public static extern partial byte* Allocate(byte* address, nuint bytes, uint type, uint protection);

    [DllImport(Kernel, EntryPoint = "VirtualFree", SetLastError = true)]
    public static extern partial int Free(byte* address, nuint bytes, uint type);

    [DllImport(Kernel, EntryPoint = "VirtualProtect", SetLastError = true)]
    public static extern partial int Protect(byte* address, nuint bytes, uint protection, uint* before);

    [DllImport(Kernel, EntryPoint = "VirtualUnlock")]
    public static extern partial int Unlock(byte* address, nuint bytes);

    [DllImport(Kernel, EntryPoint = "GlobalMemoryStatusEx")]
    public static extern partial int ReadMemoryStatus(MemoryStatus* status);

    [DllImport(Kernel, EntryPoint = "QueryInformationJobObject")]
    public static extern partial int ReadJobLimits(nint job, int kind, JobLimits* limits, uint bytes, uint* written);

    [DllImport(Kernel, EntryPoint = "Sleep")]
    public static extern partial void Sleep(uint milliseconds);

    [DllImport(Synchronization, EntryPoint = "WaitOnAddress")]
    public static extern partial int WaitOnAddress(int* word, int* value, nuint bytes, uint milliseconds);

    [DllImport(Synchronization, EntryPoint = "WakeByAddressSingle")]
    public static extern partial void WakeByAddressSingle(int* word);
}
