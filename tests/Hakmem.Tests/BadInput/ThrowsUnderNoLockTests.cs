using System;
using System.Runtime.ExceptionServices;
using System.Threading;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// Code of the program runs at a throw before any finally block does: exception filters, and handlers of
// FirstChanceException. What such a handler asks of the same heap must neither wait for a lock that its own thread
// holds nor meet a step half done. Each kind of error, with a handler that uses all of the heap.
[Category(TestCategory.Stress)]
public sealed unsafe class ThrowsUnderNoLockTests
{
    private static readonly nuint[] s_sizes = [16, 64, 1_000, 2_000, BlockSizes.Mid, 3 * BlockSizes.MiB];

    // The heap that the handler uses on this thread, and whether it is at work.
    [ThreadStatic]
    private static HakmemAllocator? t_heap;

    [ThreadStatic]
    private static bool t_isHandling;

    // By all threads of a case.
    private static int s_handled;

    public static MatrixTheoryData<string, string> Cases { get; } = new(
        ["standard", "checked", "full", "full with stacks", "sampled", "checked and sampled"],
        [
            "double free", "double free on another thread", "late double free", "foreign free", "interior free", "misaligned free", "overrun", "write after free",
            "out of memory", "realloc out of memory", "realloc of freed", "size of freed", "disposed",
        ]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void HandlerOfAThrowMayUseTheHeap(string mode, string error)
    {
        if (!IsTold(mode, error))
        {
            return;
        }

        using TestArena test = new(1L << 30);
        HakmemAllocator heap = new(OptionsOf(mode), test.Arena);
        try
        {
            AppDomain.CurrentDomain.FirstChanceException += Use;
            s_handled = 0;
            Workers.RunOne(() =>
            {
                foreach (nuint size in s_sizes)
                {
                    // A write to a larger block after its free is a fault.
                    if (size <= 1_000 || error != "write after free")
                    {
                        Provoke(heap, error, size);
                    }
                }
            });
            Assert.True(s_handled > 0, "No exception was thrown.");
        }
        finally
        {
            AppDomain.CurrentDomain.FirstChanceException -= Use;
        }

        if (error != "disposed")
        {
            TrimUntilNothingIsFound(heap);
            HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
            Workers.RunOne(heap.Trim);
            ArenaAudit.Check(heap);
        }

        heap.Dispose();
    }

    private static HakmemOptions OptionsOf(string mode)
    {
        HakmemOptions options = new() { MaxBytes = 512L << 20 };
        return mode switch
        {
            "standard" => options,
            "checked" => options with { Hardening = HardeningLevel.Checked },
            "full" => options with { Hardening = HardeningLevel.Full },
            "full with stacks" => options with { Hardening = HardeningLevel.Full, CaptureStacks = true },
            "sampled" => options with { GuardedSampleInterval = 1 },
            "checked and sampled" => options with { Hardening = HardeningLevel.Checked, GuardedSampleInterval = 1 },
            _ => throw new ArgumentException($"There is no mode '{mode}'.", nameof(mode)),
        };
    }

    // What a level does not see cannot be thrown.
    private static bool IsTold(string mode, string error) => error switch
    {
        "overrun" => mode is not ("standard" or "checked"),
        "write after free" => mode.StartsWith("full", StringComparison.Ordinal),
        _ => true,
    };

    private static void Provoke(HakmemAllocator heap, string error, nuint size)
    {
        byte* block = error is "foreign free" or "disposed" ? null : (byte*)heap.Alloc(size);
        int onTheStack = 0;
        switch (error)
        {
            case "double free":
                heap.Free(block);
                Throws(heap, () => heap.Free(block));
                break;
            case "double free on another thread":
                Workers.RunOne(() => heap.Free(block));
                Throws(heap, () =>
                {
                    heap.Free(block);
                    heap.Trim();
                });
                break;
            case "late double free":
                void* between = heap.Alloc(size);
                heap.Free(block);
                heap.Free(between);
                Throws(heap, () =>
                {
                    heap.Free(block);
                    heap.Trim();
                });
                break;
            case "foreign free":
                void* foreign = &onTheStack;
                Throws(heap, () => heap.Free(foreign));
                break;
            case "interior free":
                // The smallest block has no inside.
                Throws(heap, () => heap.Free(block + (size > 16 ? 16 : 8)));
                heap.Free(block);
                break;
            case "misaligned free":
                Throws(heap, () => heap.Free(block + 1));
                heap.Free(block);
                break;
            case "overrun":
                // Of these sizes some leave room between the block and its guard page.
                byte* odd = (byte*)heap.Alloc(2_001);
                odd[2_001] ^= 0xFF;
                Throws(heap, () => heap.Free(odd));
                heap.Free(block);
                break;
            case "write after free":
                heap.Free(block);
                block[3] ^= 0xFF;
                Throws(heap, heap.Trim);
                break;
            case "out of memory":
                Throws(heap, () => heap.Alloc(511 << 20));
                heap.Free(block);
                break;
            case "realloc out of memory":
                Throws(heap, () => heap.Realloc(block, 511 << 20));
                heap.Free(block);
                break;
            case "realloc of freed":
                heap.Free(block);
                Throws(heap, () => heap.Realloc(block, 2 * size));
                break;
            case "size of freed":
                heap.Free(block);
                Throws(heap, () => heap.UsableSize(block));
                break;
            case "disposed":
                heap.Dispose();
                Throws(heap, () => heap.Alloc(size));
                break;
            default:
                throw new ArgumentException($"There is no error '{error}'.", nameof(error));
        }
    }

    // Runs an action that is to throw, with the handler at work.
    private static void Throws(HakmemAllocator heap, Action action)
    {
        t_heap = heap;
        try
        {
            Assert.ThrowsAny<Exception>(action);
        }
        finally
        {
            t_heap = null;
        }
    }

    private static void TrimUntilNothingIsFound(HakmemAllocator heap)
    {
        for (bool isFound = true; isFound;)
        {
            isFound = Record.Exception(heap.Trim) is HakmemCorruptionException;
        }
    }

    private static void Use(object? sender, FirstChanceExceptionEventArgs arguments)
    {
        if (t_heap is not { } heap || t_isHandling)
        {
            return;
        }

        t_isHandling = true;
        Interlocked.Increment(ref s_handled);
        try
        {
            foreach (nuint size in s_sizes)
            {
                if (heap.TryAlloc(size, out void* block))
                {
                    heap.UsableSize(block);
                    heap.Free(block);
                }
            }

            Ask(() => heap.GetStatistics());
            Ask(heap.Trim);
        }
        catch (ObjectDisposedException)
        {
            // As it should of a heap that is gone.
        }
        finally
        {
            t_isHandling = false;
        }
    }

    // Trim may tell of what was found on the way.
    private static void Ask(Action action)
    {
        try
        {
            action();
        }
        catch (HakmemCorruptionException)
        {
            // The error that is being provoked.
        }
    }
}
