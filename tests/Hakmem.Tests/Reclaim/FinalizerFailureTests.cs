using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Api;
using Hakmem.Os;
using Hakmem.Pooling;
using Hakmem.Reclaim;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reclaim;

// An exception of a finalizer ends the process, and with it these tests.
public sealed class FinalizerFailureTests
{
    // Its constructor threw because there was no memory for the handle.
    [Fact]
    public void AnUnfinishedCallbackOfCollectionsDoesNotThrow()
    {
        DropUnfinished();
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

#if DEBUG
    [Theory]
    [InlineData("EventSourceStarter")]
    [InlineData("Gen2GcCallback")]
    [InlineData("DepotTrimmer")]
    public void AFinalizerWithoutManagedMemoryRunsAgain(string place)
    {
        // None of these ends before it has run without a refusal.
        DecayTimer timer = new(new ManualTime(), () => false, observesCollections: false);
        Gen2GcCallback.Attach(timer);
        DepotTrimmer.Attach(new OwnerDepot(recycles: true));
        EventSourceStarter.Attach();
        for (int round = 0; round < 2; round++)
        {
            ManagedMemory.RefuseAt(place);
            Assert.True(SpinWait.SpinUntil(
                () =>
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                    return ManagedMemory.IsRefused;
                },
                TimeSpan.FromSeconds(60)));
        }

        GC.KeepAlive(timer);
    }
#endif

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DropUnfinished() => _ = RuntimeHelpers.GetUninitializedObject(typeof(Gen2GcCallback));
}
