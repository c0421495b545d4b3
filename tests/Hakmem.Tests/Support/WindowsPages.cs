using System;
using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Hakmem.Tests.Support;

// What Windows says of this process's own pages.
internal static unsafe class WindowsPages
{
    private const uint StateCommitted = 0x1000;
    private const uint StateReserved = 0x2000;
    private const uint ProtectionReadOnly = 0x02;
    private const uint ProtectionReadWrite = 0x04;
    private const ulong IsValid = 1;

    // The protection of the pages that an address lies in, in the notation of Linux: "rw-p", "r--p", "---p" for pages that are reserved or
    // that nothing may touch, and "none".
    public static string ProtectionOf(void* address)
    {
        Region region;
        if (VirtualQuery(address, &region, (nuint)sizeof(Region)) == 0)
        {
            throw new Win32Exception();
        }

        return (region.State, region.Protection) switch
        {
            (StateCommitted, ProtectionReadWrite) => "rw-p",
            (StateCommitted, ProtectionReadOnly) => "r--p",
            (StateCommitted or StateReserved, _) => "---p",
            _ => "none",
        };
    }

    // How many pages of a range are in the working set.
    public static long CountResident(nuint first, nuint pageBytes, int count)
    {
        Page[] pages = new Page[count];
        for (int i = 0; i < count; i++)
        {
            pages[i].Address = first + ((nuint)i * pageBytes);
        }

        fixed (Page* start = pages)
        {
            if (K32QueryWorkingSetEx(GetCurrentProcess(), start, (uint)(count * sizeof(Page))) == 0)
            {
                throw new Win32Exception();
            }
        }

        return Array.FindAll(pages, page => (page.Attributes & IsValid) != 0).Length;
    }

    [DllImport("kernel32", SetLastError = true)]
    private static extern nuint VirtualQuery(void* address, Region* region, nuint bytes);

    [DllImport("kernel32", SetLastError = true)]
    private static extern int K32QueryWorkingSetEx(nint process, Page* pages, uint bytes);

    [DllImport("kernel32")]
    private static extern nint GetCurrentProcess();

    // MEMORY_BASIC_INFORMATION.
    [StructLayout(LayoutKind.Sequential)]
    private struct Region
    {
        public nuint Base;
        public nuint AllocationBase;
        public uint AllocationProtection;
        public uint PartitionId;
        public nuint Bytes;
        public uint State;
        public uint Protection;
        public uint Type;
    }

    // PSAPI_WORKING_SET_EX_INFORMATION.
    [StructLayout(LayoutKind.Sequential)]
    private struct Page
    {
        public nuint Address;
        public ulong Attributes;
    }
}
