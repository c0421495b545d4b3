#if DEBUG
using System;
using System.Linq;
using Hakmem.Os;
using Hakmem.Tests.Faults;
using Hakmem.Tests.Os;
using Xunit;

namespace Hakmem.Tests.Profiling;

// A profiler for which there is not enough managed memory keeps nothing of the system's.
public sealed class FailedStartTests
{
    [Fact]
    public void AFailedStartOrEndKeepsNoTables()
    {
        using FaultyHeap test = new();
        HakmemProfiler? profiler = null;
        int failures = 0;
        while (profiler is null)
        {
            test.Os.ForgetCalls();
            ManagedMemory.RefuseNth(failures + 1);
            try
            {
                profiler = HakmemProfiler.Start(test.Heap);
            }
            catch (OutOfMemoryException)
            {
                failures++;
                Assert.Equal(test.Os.CountOf(OsCall.Reserve), test.Os.CountOf(OsCall.Release));
            }
            finally
            {
                ManagedMemory.RefuseNth(0);
            }
        }

        Assert.InRange(failures, 2, 1_000);
        profiler.Dispose();
        Assert.Equal(test.Os.CountOf(OsCall.Reserve), test.Os.CountOf(OsCall.Release));
    }
}
#endif
