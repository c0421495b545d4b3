using System.Runtime.InteropServices;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>What the kernel counts for this process, all threads together (getrusage(2)).</summary>
/// <param name="UserMs">Milliseconds in user code.</param>
/// <param name="SystemMs">Milliseconds in the kernel.</param>
/// <param name="MinorFaults">Page faults that needed no disk.</param>
/// <param name="MajorFaults">Page faults that did.</param>
/// <param name="VoluntarySwitches">Times a thread waited.</param>
/// <param name="InvoluntarySwitches">Times a thread was made to wait.</param>
/// <remarks>
/// The kernel splits a thread's time into user and system by what each timer tick interrupts: of a few milliseconds the
/// split is rough.
/// </remarks>
internal readonly partial record struct ResourceUsage(
    double UserMs, double SystemMs, long MinorFaults, long MajorFaults, long VoluntarySwitches, long InvoluntarySwitches)
{
    private const int Self = 0;
    private const double MicrosecondsPerMs = 1000;
    private const double MsPerSecond = 1000;

    /// <summary>Everything since the process began.</summary>
    public static ResourceUsage Current()
    {
        _ = GetResourceUsage(Self, out Raw raw);
        return new ResourceUsage(
            (raw.UserSeconds * MsPerSecond) + (raw.UserMicroseconds / MicrosecondsPerMs),
            (raw.SystemSeconds * MsPerSecond) + (raw.SystemMicroseconds / MicrosecondsPerMs),
            raw.MinorFaults,
            raw.MajorFaults,
            raw.VoluntarySwitches,
            raw.InvoluntarySwitches);
    }

    /// <summary>What came about between two readings.</summary>
    public static ResourceUsage operator -(ResourceUsage later, ResourceUsage earlier) => new(
        later.UserMs - earlier.UserMs,
        later.SystemMs - earlier.SystemMs,
        later.MinorFaults - earlier.MinorFaults,
        later.MajorFaults - earlier.MajorFaults,
        later.VoluntarySwitches - earlier.VoluntarySwitches,
        later.InvoluntarySwitches - earlier.InvoluntarySwitches);

    [LibraryImport("libc", EntryPoint = "getrusage")]
    private static partial int GetResourceUsage(int who, out Raw usage);

    // struct rusage of 64-bit Linux.
    [StructLayout(LayoutKind.Sequential)]
    private struct Raw
    {
        public long UserSeconds;
        public long UserMicroseconds;
        public long SystemSeconds;
        public long SystemMicroseconds;
        public long MaximumResidentKiB;
        public long SharedText;
        public long UnsharedData;
        public long UnsharedStack;
        public long MinorFaults;
        public long MajorFaults;
        public long Swaps;
        public long BlocksIn;
        public long BlocksOut;
        public long MessagesSent;
        public long MessagesReceived;
        public long Signals;
        public long VoluntarySwitches;
        public long InvoluntarySwitches;
    }
}
