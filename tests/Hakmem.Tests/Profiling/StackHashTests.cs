using System;
using System.Collections.Generic;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Profiling;
using Xunit;

namespace Hakmem.Tests.Profiling;

public sealed class StackHashTests
{
    // By reflection, since the build for older runtimes has no such method.
    private static readonly Taker s_walk = typeof(StackHash).GetMethod("Walk")?.CreateDelegate<Taker>()!;

    private delegate int Taker(out ulong hash);

    [Fact]
    public void OneCallSiteHasOneHashAndTwoHaveTwo()
    {
        Assert.SkipUnless(StackHash.IsSupported, "There are no hashes here.");
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
    public void DeepRecursionEndsAtTheLimit()
    {
        Assert.SkipUnless(StackHash.IsSupported, "There are no hashes here.");
        Assert.Equal(StackHash.MaxFrames, Recurse(1_000, static () => Walk(out _)));
    }

    // The chain ends within the smallest stack that the runtime gives, however deep the thread is in it.
    [Theory]
    [InlineData(128 << 10)]
    [InlineData(1 << 20)]
    public void AThreadOfItsOwnIsWalkedAtEveryDepth(int stackBytes)
    {
        Assert.SkipUnless(StackHash.IsSupported, "There are no hashes here.");
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
    public void ADynamicMethodIsAFrame()
    {
        Assert.SkipUnless(StackHash.IsSupported, "There are no hashes here.");
        DynamicMethod method = new("Dynamic", typeof(int), [typeof(Func<int>)], typeof(StackHashTests).Module);
        ILGenerator code = method.GetILGenerator();
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Callvirt, typeof(Func<int>).GetMethod("Invoke")!);
        code.Emit(OpCodes.Ldc_I4_0);
        code.Emit(OpCodes.Add);
        code.Emit(OpCodes.Ret);
        Func<Func<int>, int> dynamic = method.CreateDelegate<Func<Func<int>, int>>();
        Func<int> walk = static () => Walk(out _);
        Func<int> through = () => dynamic(walk);
        Support.Workers.RunOne(() =>
        {
            // The lambda and the dynamic method.
            int direct = Call(walk);
            Assert.Equal(direct + 2, Call(through));
        });
    }

    [Fact]
    public async Task AsyncFramesAreWalkedOnWhateverThreadTheyRun()
    {
        Assert.SkipUnless(StackHash.IsSupported, "There are no hashes here.");
        for (int i = 0; i < 20; i++)
        {
            await Task.Yield();
            Assert.InRange(await WalkAsync(), 2, StackHash.MaxFrames);
        }
    }

    // A stack whose thread is not the walker's is refused by the bounds, as is a chain that leaves them.
    [Fact]
    public void ManyThreadsAtOnceAreWalked()
    {
        Assert.SkipUnless(StackHash.IsSupported, "There are no hashes here.");
        Support.Workers.Run(8, _ =>
        {
            ulong first = Here();
            for (int i = 0; i < 2_000; i++)
            {
                Assert.True(StackHash.TryTake(out ulong hash) && hash != first);
            }
        });
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Here()
    {
        Assert.True(StackHash.TryTake(out ulong hash));
        return hash;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static int Call(Func<int> body)
    {
        int depth = body();
        return depth + 0;
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
