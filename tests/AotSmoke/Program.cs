using System;
using System.Runtime;
using System.Runtime.InteropServices;
using Hakmem.Tests.BadInput;
using Hakmem.Tests.Conformance;
using Hakmem.Tests.Stress;

namespace Hakmem.Tests.AotSmoke;

// The conformance suite compiled to native code: what holds under the JIT compiler may not where statics are laid out before the start,
// generic code is shared differently and nothing is compiled again. As xunit's runner is not needed, it is also how the suite runs on .NET 8
// and in emulators, under the JIT compiler. Published and run by .ci/run, which is content with the core of it; with the argument `all` every
// mode has its turn, and with `fallback` those that a process has in which Hakmem is not supported, as eng/test-fallback runs them. With
// `time` it prints instead how long a block takes, natively or, started with `dotnet run`, compiled as usual.
internal static class Program
{
    private static int Main(string[] args)
    {
        // Not RuntimeFeature's word: a project that is to be published natively has it say no under the JIT compiler too.
        string compiler = JitInfo.GetCompiledMethodCount() > 0 ? "JIT" : "NativeAOT";
        if (args is ["time"])
        {
            Console.WriteLine($"{compiler}: {AllocationSpeed.MeasureNanoseconds():F2} ns for Alloc and Free of 64 bytes");
            return 0;
        }

        Console.WriteLine(
            $"This is {RuntimeInformation.FrameworkDescription}. " +
            $"The processor is {RuntimeInformation.ProcessArchitecture}.");
        Console.WriteLine($"Compiled by {compiler}.");
        ConformanceRun run = new();
        if (args is ["fallback", ..])
        {
            AddFallback(run, isWhole: args is [_, "all"]);
        }
        else
        {
            AddCore(run);
        }

        if (args is ["all"])
        {
            AddOtherModes(run);
        }

        Console.WriteLine($"{run.Passed} passed, {run.Failed} failed");
        return run.Failed == 0 ? 0 : 1;
    }

    private static void AddCore(ConformanceRun run)
    {
        run.Add<SharedHeapConformance>();
        run.Add<SharedPoolConformance>();
        run.Add<RecyclingPoolConformance>();
        run.Add<TrackedPoolConformance>();
        run.Add<CheckedHeapConformance>();
        run.Add<StandardHardeningTests>();
        run.Add<FullHardeningTests>();
        run.Add<SharedHeapStress>([3]);
    }

    // Without the modes that differ in hardening, purging and caches, of which a fallback has none. A short run has one
    // isolated heap, with a limit, and one region, which is shared.
    private static void AddFallback(ConformanceRun run, bool isWhole)
    {
        bool isFallback = !HakmemAllocator.IsSupported && HakmemAllocator.Shared.GetStatistics().IsFallback;
        Console.WriteLine($"{nint.Size * 8} bits, {(isFallback ? "fallback" : "supported")}.");
        run.Add<SharedHeapConformance>();
        run.Add<LimitedHeapConformance>();
        run.Add<SharedPoolConformance>();
        run.Add<IsolatedPoolConformance>();
        run.Add<RecyclingPoolConformance>();
        run.Add<TrackedPoolConformance>();
        run.Add<SharedRegionConformance>();
        if (isWhole)
        {
            run.Add<IsolatedHeapConformance>();
            run.Add<RegionConformance>();
            run.Add<SharedHeapStress>(StressConformance.ThreadCounts);
            run.Add<IsolatedHeapStress>(StressConformance.ThreadCounts);
        }
    }

    private static void AddOtherModes(ConformanceRun run)
    {
        run.Add<IsolatedHeapConformance>();
        run.Add<CallbacksConformance>();
        run.Add<CheckedNoThreadCacheConformance>();
        run.Add<CheckedPoolConformance>();
        run.Add<FullPoolConformance>();
        run.Add<CheckedSampledConformance>();
        run.Add<EagerPurgeConformance>();
        run.Add<EveryBlockSampledConformance>();
        run.Add<FullHardeningConformance>();
        run.Add<FullHardeningNoQuarantineConformance>();
        run.Add<FullHardeningStacksConformance>();
        run.Add<HugePagesConformance>();
        run.Add<ImmediateZeroConformance>();
        run.Add<LimitedHeapConformance>();
        run.Add<NoThreadCacheConformance>();
        run.Add<PopulateConformance>();
        run.Add<SomeBlockSampledConformance>();
        run.Add<ProfiledHeapConformance>();
        run.Add<ProfiledCheckedConformance>();
        run.Add<ProfiledFullConformance>();
        run.Add<FrameworkPoolConformance>();
        run.Add<IsolatedPoolConformance>();
        run.Add<RegionConformance>();
        run.Add<SharedRegionConformance>();
        run.Add<CheckedRegionConformance>();
        run.Add<FullSharedRegionConformance>();
        run.Add<IsolatedHeapStress>(StressConformance.ThreadCounts);
        run.Add<FullHardeningStress>(StressConformance.ThreadCounts);
    }
}
