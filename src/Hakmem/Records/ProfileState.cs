using System.Runtime.InteropServices;

namespace Hakmem.Records;

// What a sampled thread's cache counts, by size class: see SampleCountdown. Only the cache's owner uses it.
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct ProfileState
{
    public const int Bytes = HeadBytes + (SizeClass.Count * ProfileBin.Bytes);

    private const int HeadBytes = 8;

    // The number of the HeapSampling that has drawn the countdowns.
    public long Sampling;

    private ProfileBin _first;

    // SAFETY: the record is allocated with its full size, and the class is one of SizeClass.Count.
    public static ProfileBin* BinOf(ProfileState* state, int sizeClass) =>
        (ProfileBin*)((byte*)state + HeadBytes) + sizeClass;
}

// The countdown of one size class.
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct ProfileBin
{
    public const int Bytes = 32;

    // The bin's AllocTop when Until was last brought up to date, or later when a magazine was loaded.
    public void** LoadedTop;

    // How many allocations of the class from then on are not sampled; the one after them is.
    public long Until;

    // How many allocations the next sample stands for in a profile: 1 / p for the probability p of a profiled one with
    // which Until was drawn. 0 if it is for guarded sampling alone.
    public double Weight;

    // Whether the next sample is to be a guarded block.
    public bool IsGuarded;
}
