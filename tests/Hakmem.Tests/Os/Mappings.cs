using System;
using System.Globalization;
using System.IO;
using System.Linq;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Os;

// What the system has of this process's mappings. Its tests have [Needs(SystemNeed.Pages)].
internal static unsafe class Mappings
{
    // The protection of the mapping an address lies in, as in /proc/self/maps ("rw-p"), or "none".
    public static string ProtectionOf(void* address)
    {
        if (OperatingSystem.IsWindows())
        {
            return WindowsPages.ProtectionOf(address);
        }

        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            ulong[] bounds = BoundsOf(line);
            if ((ulong)address >= bounds[0] && (ulong)address < bounds[1])
            {
                return line.Split(' ')[1];
            }
        }

        return "none";
    }

    // Of a range, how many bytes are unreadable and yet for dumps, and how many are readable and yet not for dumps. On Linux only.
    public static (long UnreadableForDumps, long ReadableLeftOut) DumpFaultsIn(void* address, long bytes)
    {
        (long unreadable, long readable) = (0, 0);
        (ulong start, ulong end) = (0, 0);
        bool isReadable = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
        {
            if (char.IsAsciiHexDigitLower(line[0]))
            {
                ulong[] bounds = BoundsOf(line);
                (start, end) = (bounds[0], bounds[1]);
                isReadable = line.Split(' ')[1][0] == 'r';
            }
            else if (line.StartsWith("VmFlags:", StringComparison.Ordinal))
            {
                ulong from = Math.Max(start, (ulong)address);
                ulong to = Math.Min(end, (ulong)address + (ulong)bytes);
                bool isLeftOut = line.Split(' ').Contains("dd");
                long within = to > from ? (long)(to - from) : 0;
                unreadable += !isReadable && !isLeftOut ? within : 0;
                readable += isReadable && isLeftOut ? within : 0;
            }
        }

        return (unreadable, readable);
    }

    private static ulong[] BoundsOf(string line) =>
        [.. line.Split(' ')[0].Split('-').Select(text => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
}
