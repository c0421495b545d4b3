using System.Diagnostics;

namespace Hakmem.Tests.Support;

// Asserts that a heap's own consistency check finds nothing.
internal static class HeapSoundness
{
    public static void Assert(HakmemVerification verification) =>
        Xunit.Assert.True(verification.IsSound, verification.ToString());

    public static void Assert(HakmemAllocator heap) => Assert(heap.Verify());

    // For places that are reached so often that only the checked build affords it.
    [Conditional("DEBUG")]
    public static void AssertInDebug(HakmemAllocator heap) => Assert(heap.Verify());
}
