using System;
using System.Runtime.InteropServices;

namespace Hakmem.Os;

// Static members that the class has got since netstandard2.0. (Compiled for that target only; here, and not in Compat, as it asks which system this is.)
internal static class OperatingSystemMembers
{
    extension(OperatingSystem)
    {
        public static bool IsLinux() => RuntimeInformation.IsOSPlatform(OSPlatform.Linux);

        public static bool IsWindows() => RuntimeInformation.IsOSPlatform(OSPlatform.Windows);
    }
}
