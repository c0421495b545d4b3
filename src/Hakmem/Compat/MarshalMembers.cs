using System.Runtime.InteropServices;

namespace Hakmem.Compat;

// Static members that the class has got since netstandard2.0.
internal static class MarshalMembers
{
    extension(Marshal)
    {
        // The error of the last call with SetLastError on this thread; the older name says Win32, but it is errno on Unix.
        public static int GetLastPInvokeError() => Marshal.GetLastWin32Error();
    }
}
