using System;
using System.Runtime.InteropServices;

namespace Hakmem.Os;

// Static members that later frameworks have, for netstandard2.0. Here and not in Compat, since they ask for the system.
internal static class OperatingSystemMembers
{
    extension(OperatingSystem)
    {
        public static bool IsLinux() => RuntimeInformation.IsOSPlatform(OSPlatform.Linux);

        public static bool IsWindows() => RuntimeInformation.IsOSPlatform(OSPlatform.Windows);

        public static bool IsMacOS() => RuntimeInformation.IsOSPlatform(OSPlatform.OSX);

        // The runtimes that load this build disagree about what the version of macOS is.
        public static bool IsMacOSVersionAtLeast(int major, int minor) => false;
    }
}
