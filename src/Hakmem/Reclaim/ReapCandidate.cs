using System.Runtime.InteropServices;

namespace Hakmem.Reclaim;

// What the reaper is about to take from one magazine: the slots from a cut down to the oldest. See CacheReaper.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ReapCandidate
{
    // Whose bin: the registry's entry, and the size class.
    public int Entry;
    public byte Index;

    // Whether Alloc takes from the magazine, and whether the owner was at rest when its bins were closed.
    public bool IsPrimary;
    public bool IsAtRest;

    // The newest slot to be taken.
    public void** Slot;

    // What is in it, or was before the guard, of a magazine that Alloc takes from; null for one that nothing is taken
    // from meanwhile.
    public void* Guarded;

    // Where the top was after the guards and a barrier.
    public void** Top;
}
