using System;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.Tool.Display;

// Whether somebody still reads the standard output. A command that writes without end has to ask: the framework's
// console takes text for a closed pipe as written.
internal static partial class OutputReader
{
    private const int StandardOutput = 1;

    // POLLERR and POLLHUP. Linux tells of both without being asked; macOS tells of nothing if nothing is asked.
    private const short HungUp = 0x10;
    private const short Gone = 0x8 | HungUp;

    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(0.2);

    // Ends when whoever reads the output is gone. Files are always read, and so is what the system does not tell of.
    public static async Task WaitUntilGoneAsync(CancellationToken cancelled)
    {
        while (!IsGone())
        {
            await Task.Delay(s_look, cancelled).ConfigureAwait(false);
        }
    }

    private static bool IsGone()
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
        {
            return false;
        }

        Polled output = new() { Descriptor = StandardOutput, Asked = HungUp };
        return Poll(ref output, 1, 0) > 0 && (output.Returned & Gone) != 0;
    }

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(ref Polled polled, nuint count, int milliseconds);

    // struct pollfd.
    private struct Polled
    {
        public int Descriptor;
        public short Asked;
        public short Returned;
    }
}
