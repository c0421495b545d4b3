using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Profiling;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

public sealed class StackHashTests
{
    // By reflection, since the build for older runtimes has no such method.
    private static readonly Taker s_walk = typeof(StackHash).GetMethod("Walk")?.CreateDelegate<Taker>()!;

    // The heap of the comparisons, and how many there were.
    private static readonly nint s_qsort = OperatingSystem.IsLinux()
        ? NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "qsort")
        : 0;

    private static HakmemAllocator? s_sorted;
    private static int s_compared;

    private delegate int Taker(out ulong hash);

    [Fact]
    [Needs(SystemNeed.StackHashes)]
    public void OneCallSiteHasOneHashAndTwoHaveTwo()
    {
        HashSet<ulong> first = [];
        HashSet<ulong> second = [];
        for (int i = 0; i < 3; i++)
        {
            first.Add(Here());
            second.Add(Here());
        }

        Assert.Single(first);
        Assert.Single(second);
        Assert.NotEqual(first, second);
    }

    [Fact]
    [Needs(SystemNeed.StackHashes)]
    public void DeepRecursionEndsAtTheLimit()
    {
        Assert.Equal(StackHash.MaxFrames, Recurse(1_000, static () => Walk(out _)));
    }

    // Small methods with one call keep no frame once they are optimised; their callers must be told apart all the same.
    [Fact]
    public void CallersOfAMethodWithoutAFrameAreToldApart()
    {
        using HakmemAllocator heap = new();
        Func<HakmemAllocator, nint>[] callers = [CallerA, CallerB];
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        const int Calls = 2_000;
        for (int i = 0; i < Calls; i++)
        {
            foreach (Func<HakmemAllocator, nint> caller in callers)
            {
                FreeOne(heap, caller(heap));
            }
        }

        HeapProfile profile = profiler.Capture();
        Assert.Equal(Calls, ObjectsOf(nameof(CallerA)));
        Assert.Equal(Calls, ObjectsOf(nameof(CallerB)));

        // Each stack is resolved a few times: while methods are compiled again, and for what was left on it.
        Assert.InRange(profiler.Sampler.ResolvedStacks, 2, StackHash.IsSupported ? Calls / 10 : 2 * Calls);

        long ObjectsOf(string name) => profile.Samples
            .Where(sample => sample.Frames.Any(frame => frame.EndsWith('.' + name, StringComparison.Ordinal)))
            .Sum(sample => sample.AllocatedObjects);
    }

    // The C library's sort uses the frame pointer for something else, so that the chain ends in it.
    [Fact]
    [Needs(SystemNeed.Linux)]
    public unsafe void CallersBeyondNativeCodeAreToldApart()
    {
        using HakmemAllocator heap = new();
        s_sorted = heap;
        Action[] callers = [SorterA, SorterB];
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, 1);
        const int Calls = 2_000;
        for (int i = 0; i < Calls; i++)
        {
            foreach (Action caller in callers)
            {
                caller();
            }
        }

        HeapProfile profile = profiler.Capture();
        Assert.Equal(s_compared / 2, ObjectsOf(nameof(SorterA)));
        Assert.Equal(s_compared / 2, ObjectsOf(nameof(SorterB)));
        Assert.InRange(profiler.Sampler.ResolvedStacks, 2, StackHash.IsSupported ? s_compared / 10 : s_compared);

        long ObjectsOf(string name) => profile.Samples
            .Where(sample => sample.Frames.Any(frame => frame.EndsWith('.' + name, StringComparison.Ordinal)))
            .Sum(sample => sample.AllocatedObjects);
    }

    // The chain ends within the smallest stack that the runtime gives, however deep the thread is in it.
    [Theory]
    [InlineData(128 << 10)]
    [InlineData(1 << 20)]
    [Needs(SystemNeed.StackHashes)]
    public void AThreadOfItsOwnIsWalkedAtEveryDepth(int stackBytes)
    {
        List<int> depths = [];
        Thread thread = new(
            () =>
            {
                for (int depth = 0; depth < 20; depth++)
                {
                    depths.Add(Recurse(depth, static () => Walk(out _)));
                }
            },
            stackBytes);
        thread.Start();
        thread.Join();
        for (int i = 1; i < depths.Count; i++)
        {
            Assert.Equal(depths[i - 1] + 1, depths[i]);
        }
    }

    [Fact]
    [Needs(SystemNeed.StackHashes)]
    public void ADynamicMethodIsAFrame()
    {
        DynamicMethod method = new("Dynamic", typeof(int), [typeof(Func<int>)], typeof(StackHashTests).Module);
        ILGenerator code = method.GetILGenerator();
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Callvirt, typeof(Func<int>).GetMethod("Invoke")!);
        code.Emit(OpCodes.Ldc_I4_0);
        code.Emit(OpCodes.Add);
        code.Emit(OpCodes.Ret);
        Func<Func<int>, int> dynamic = method.CreateDelegate<Func<Func<int>, int>>();
        Func<int> walk = static () => Walk(out _);
        Workers.RunOne(() =>
        {
            // At least the method itself; on the way are stubs and methods without a frame.
            int depth = dynamic(walk);
            Assert.InRange(depth, 3, StackHash.MaxFrames - 1);
            Assert.Equal(depth, dynamic(walk));
        });
    }

    [Fact]
    [Needs(SystemNeed.StackHashes)]
    public async Task AsyncFramesAreWalkedOnWhateverThreadTheyRun()
    {
        for (int i = 0; i < 20; i++)
        {
            await Task.Yield();
            Assert.InRange(await WalkAsync(), 2, StackHash.MaxFrames);
        }
    }

    // A stack whose thread is not the walker's is refused by the bounds, as is a chain that leaves them.
    [Fact]
    [Needs(SystemNeed.StackHashes)]
    public void ManyThreadsAtOnceAreWalked()
    {
        Workers.Run(8, _ =>
        {
            ulong first = Here();
            for (int i = 0; i < 2_000; i++)
            {
                Assert.True(StackHash.TryTake(out ulong hash) && hash != first);
            }
        });
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static nint CallerA(HakmemAllocator heap) => Small(heap) | 0;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static nint CallerB(HakmemAllocator heap) => Small(heap) | 0;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static nint Small(HakmemAllocator heap) => Allocate(heap) | 0;

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static unsafe nint Allocate(HakmemAllocator heap) => (nint)heap.Alloc(100);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void FreeOne(HakmemAllocator heap, nint block) => heap.Free((void*)block);

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void SorterA() => Sort();

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void SorterB() => Sort();

    // SAFETY: the signature is that of C's qsort.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Sort()
    {
        int* values = stackalloc int[] { 3, 1, 2, 7, 5 };
        var sort = (delegate* unmanaged<void*, nuint, nuint, delegate* unmanaged<void*, void*, int>, void>)s_qsort;
        sort(values, 5, sizeof(int), &Compare);
        GC.KeepAlive(s_sorted);
    }

    [UnmanagedCallersOnly]
    private static unsafe int Compare(void* left, void* right)
    {
        FreeOne(s_sorted!, Allocate(s_sorted!));
        s_compared++;
        return *(int*)left - *(int*)right;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Here()
    {
        Assert.True(StackHash.TryTake(out ulong hash));
        return hash;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static int Recurse(int depth, Func<int> body)
    {
        int found = depth == 0 ? body() : Recurse(depth - 1, body);
        GC.KeepAlive(body);
        return found;
    }

    private static async Task<int> WalkAsync()
    {
        await Task.Delay(1).ConfigureAwait(false);
        return Walk(out _);
    }

    private static int Walk(out ulong hash) => s_walk(out hash);
}
