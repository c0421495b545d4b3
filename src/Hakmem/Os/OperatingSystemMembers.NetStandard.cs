using System;
using System.Runtime.InteropServices;

namespace Hakmem.Os;

// A static member that later frameworks have, for netstandard2.0. Here and not in Compat, since it asks for the system.
internal static class OperatingSystemMembers
{
    extension(OperatingSystem)
    {
        public static bool IsLinux() => RuntimeInformation.IsOSPlatform(OSPlatform.Linux);
    }
}
