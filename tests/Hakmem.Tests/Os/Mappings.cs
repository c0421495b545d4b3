using System.Globalization;
using System.IO;
using System.Linq;

namespace Hakmem.Tests.Os;

// The kernel's list of this process's mappings.
internal static unsafe class Mappings
{
    // The protection of the mapping an address lies in, as in /proc/self/maps ("rw-p"), or "none".
    public static string ProtectionOf(void* address)
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            ulong[] bounds = [.. line.Split(' ')[0].Split('-').Select(text => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
            if ((ulong)address >= bounds[0] && (ulong)address < bounds[1])
            {
                return line.Split(' ')[1];
            }
        }

        return "none";
    }
}
