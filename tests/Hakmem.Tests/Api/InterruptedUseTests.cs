using System;
using System.Diagnostics;
using System.Reflection;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Api;

// A thread with a pending interrupt, and perhaps a SynchronizationContext, that meets another one in a lock of the
// framework's: it gets what it asked for, or the exception that it earned, and its interrupt waits for its own wait.
[Collection(AloneCollection.Name)]
public sealed unsafe class InterruptedUseTests
{
    private static readonly TimeSpan s_held = TimeSpan.FromMilliseconds(100);

    // Interrupted again and again, or with a context that would be told of a wait.
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void AHeapIsMadeWhileTheSettingsAreInUse(bool isInterrupted, bool hasContext)
    {
        FieldInfo? table = typeof(AppContext).GetField("s_dataStore", BindingFlags.NonPublic | BindingFlags.Static);
        Assert.SkipWhen(table is null, "This framework keeps its settings elsewhere.");
        CountingContext context = new();
        bool isStillInterrupted = false;
        object settings = table.GetValue(null)!;
        Action victim = () =>
        {
            SynchronizationContext.SetSynchronizationContext(hasContext ? context : null);
            using (HakmemAllocator plain = new())
            using (HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked }))
            {
                heap.Free(heap.Alloc(100));
                plain.Free(plain.Alloc(100));
            }

            SynchronizationContext.SetSynchronizationContext(null);
            isStillInterrupted = IsInterrupted();
        };
        WhileHeld(settings, victim, isInterrupted);
        Assert.Equal(isInterrupted, isStillInterrupted);
        Assert.Null(context.FirstWait);
    }

    [Fact]
    public void MisuseGetsItsOwnExceptionWhileTextsAreLookedUp()
    {
        FieldInfo? texts = typeof(object).Assembly.GetType("System.SR")?
            .GetField("_lock", BindingFlags.NonPublic | BindingFlags.Static);
        Assert.SkipWhen(texts is null, "This framework looks its texts up in another way.");
        using MemoryTag tag = new("tag");
        tag.Dispose();
        using HakmemAllocator live = new();
        HakmemAllocator gone = new();
        gone.Dispose();
        Exception?[] failures = new Exception?[6];
        Action victim = () =>
        {
            failures[0] = Record(() => gone.Free(gone.Alloc(1)));
            failures[1] = Record(() => live.ForTag(tag));
            failures[2] = Record(() => live.Rent<int>(-1).Dispose());
            failures[3] = Record(() => live.SetLimits(-1, 0));
            failures[4] = Record(() => new MemoryTag("bad", null, -1).Dispose());
            failures[5] = Record(() => new NativeMemoryPool((HakmemAllocator)null!).Dispose());
        };
        WhileHeld(texts.GetValue(null)!, victim, isInterrupted: true);
        Assert.IsType<ObjectDisposedException>(failures[0]);
        Assert.IsType<ObjectDisposedException>(failures[1]);
        Assert.IsType<ArgumentOutOfRangeException>(failures[2]);
        Assert.IsType<ArgumentOutOfRangeException>(failures[3]);
        Assert.IsType<ArgumentOutOfRangeException>(failures[4]);
        Assert.IsType<ArgumentNullException>(failures[5]);
    }

    // Runs a thread, of which a part runs beside one that has a lock. If it is interrupted, then once before it begins,
    // and again and again while the lock is held.
    private static void WhileHeld(object monitor, Action body, bool isInterrupted)
    {
        using ManualResetEventSlim isHeld = new();
        bool mayBegin = !isInterrupted;
        bool mayEnd = false;
        Thread holder = new(() =>
        {
            lock (monitor)
            {
                isHeld.Set();
                SpinWait.SpinUntil(() => Volatile.Read(ref mayEnd));
            }
        })
        {
            IsBackground = true,
        };
        Thread victim = new(() =>
        {
            // Not a wait, which an interrupt would end.
            while (!Volatile.Read(ref mayBegin))
            {
                Thread.SpinWait(100);
            }

            body();
        })
        {
            IsBackground = true,
        };
        holder.Start();
        isHeld.Wait(TestContext.Current.CancellationToken);
        victim.Start();
        long start = Stopwatch.GetTimestamp();
        while (isInterrupted && victim.IsAlive && (!mayBegin || Stopwatch.GetElapsedTime(start) < s_held))
        {
            victim.Interrupt();
            Volatile.Write(ref mayBegin, true);
            Thread.Yield();
        }

        if (!isInterrupted)
        {
            Thread.Sleep(s_held);
        }

        Volatile.Write(ref mayEnd, true);
        holder.Join();
        Assert.True(victim.Join(TimeSpan.FromMinutes(1)));
    }

    private static Exception? Record(Action call)
    {
        try
        {
            call();
            return null;
        }
        catch (Exception failure)
        {
            return failure;
        }
    }

    private static bool IsInterrupted()
    {
        try
        {
            Thread.Sleep(1);
            return false;
        }
        catch (ThreadInterruptedException)
        {
            return true;
        }
    }
}
