using System;
using System.IO;

namespace Hakmem.Tests.Support;

// What the system says of this process's own pages, as opposed to what a heap says of itself. Its tests have [Needs(SystemNeed.Pages)].
internal static unsafe class Residency
{
    private const ulong PresentBit = 1UL << 63;

    // Field 10 of /proc/thread-self/stat, counted from one; what follows the command's closing parenthesis starts at field 3.
    private const int MinorFaultsField = 10 - 3;

    // Page faults of the calling thread so far that needed no disk. On Linux only.
    public static long MinorFaultsOfThisThread
    {
        get
        {
            string stat = File.ReadAllText("/proc/thread-self/stat");
            string count = stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[MinorFaultsField];
            return long.Parse(count, System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    // How many bytes of a range have physical pages behind them. On Linux, /proc/self/pagemap has an 8-byte entry for each page.
    public static long BytesIn(void* address, nuint bytes)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        nuint first = (nuint)address / page;
        nuint last = ((nuint)address + bytes - 1) / page;
        int count = (int)(last - first + 1);
        if (OperatingSystem.IsWindows())
        {
            return WindowsPages.CountResident(first * page, page, count) * (long)page;
        }

        ulong[] entries = new ulong[count];
        using FileStream map = new("/proc/self/pagemap", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        map.Position = (long)first * sizeof(ulong);
        map.ReadExactly(System.Runtime.InteropServices.MemoryMarshal.AsBytes(entries.AsSpan()));
        long present = 0;
        foreach (ulong entry in entries)
        {
            present += (entry & PresentBit) != 0 ? 1 : 0;
        }

        return present * (long)page;
    }
}
