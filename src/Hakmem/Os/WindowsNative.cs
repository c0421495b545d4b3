using System.Runtime.InteropServices;

namespace Hakmem.Os;

// The Windows functions of WindowsMemory and WordWait, with constants and records for 64-bit processes.
internal static unsafe partial class WindowsNative
{
    public const uint MemoryCommit = 0x1000;
    public const uint MemoryReserve = 0x2000;
    public const uint MemoryDecommit = 0x4000;
    public const uint MemoryRelease = 0x8000;
    public const uint MemoryReset = 0x80000;
    public const uint MemoryTopDown = 0x100000;

    public const uint PageNoAccess = 0x01;
    public const uint PageReadOnly = 0x02;
    public const uint PageReadWrite = 0x04;

    public const int ErrorNotEnoughMemory = 8;
    public const int ErrorCommitmentLimit = 1455;

    // A class of QueryInformationJobObject, and two flags of its record.
    public const int JobExtendedLimits = 9;
    public const uint JobLimitProcessMemory = 0x100;
    public const uint JobLimitJobMemory = 0x200;

    public const uint Infinite = uint.MaxValue;

    private const string Kernel = "kernel32.dll";

    // The set of functions that Windows 8 added for waits on addresses.
    private const string Synchronization = "api-ms-win-core-synch-l1-2-0.dll";

    public static int LastError => Marshal.GetLastPInvokeError();

    [LibraryImport(Kernel, EntryPoint = "VirtualAlloc", SetLastError = true)]
    public static partial byte* Allocate(byte* address, nuint bytes, uint type, uint protection);

    [LibraryImport(Kernel, EntryPoint = "VirtualFree", SetLastError = true)]
    public static partial int Free(byte* address, nuint bytes, uint type);

    [LibraryImport(Kernel, EntryPoint = "VirtualProtect", SetLastError = true)]
    public static partial int Protect(byte* address, nuint bytes, uint protection, uint* before);

    [LibraryImport(Kernel, EntryPoint = "VirtualUnlock")]
    public static partial int Unlock(byte* address, nuint bytes);

    [LibraryImport(Kernel, EntryPoint = "GlobalMemoryStatusEx")]
    public static partial int ReadMemoryStatus(MemoryStatus* status);

    // A job of zero is that of the calling process.
    [LibraryImport(Kernel, EntryPoint = "QueryInformationJobObject")]
    public static partial int ReadJobLimits(nint job, int kind, JobLimits* limits, uint bytes, uint* written);

    // Not alertable: neither an interrupt nor an asynchronous procedure call ends it.
    [LibraryImport(Kernel, EntryPoint = "Sleep")]
    public static partial void Sleep(uint milliseconds);

    // Not alertable either. Returns at once if the word does not have the value.
    [LibraryImport(Synchronization, EntryPoint = "WaitOnAddress")]
    public static partial int WaitOnAddress(int* word, int* value, nuint bytes, uint milliseconds);

    [LibraryImport(Synchronization, EntryPoint = "WakeByAddressSingle")]
    public static partial void WakeByAddressSingle(int* word);

    // MEMORYSTATUSEX.
    [StructLayout(LayoutKind.Sequential)]
    public struct MemoryStatus
    {
        public uint Length;
        public uint Load;
        public ulong TotalPhysical;
        public ulong AvailablePhysical;

        // The most that the system, or this process if that is less, can commit.
        public ulong TotalPageFile;
        public ulong AvailablePageFile;
        public ulong TotalVirtual;
        public ulong AvailableVirtual;
        public ulong AvailableExtendedVirtual;
    }

    // JOBOBJECT_EXTENDED_LIMIT_INFORMATION.
    [StructLayout(LayoutKind.Explicit, Size = 144)]
    public struct JobLimits
    {
        [FieldOffset(16)]
        public uint Flags;

        [FieldOffset(112)]
        public ulong ProcessMemory;

        [FieldOffset(120)]
        public ulong JobMemory;
    }
}
