using Hakmem.Arenas;
using Hakmem.Os;

namespace Hakmem.Allocators;

// The arena that all heaps of the process share, reserved when the first heap is made.
internal static class ProcessArena
{
    public static Arena Instance { get; } = new(OsMemory.CreateForThisProcess());
}
