using System;
using System.IO;
using Hakmem.Tests.Concurrency;
using Xunit;

namespace Hakmem.Tests.Buffers;

// One step beside the framework's stream: what is refused changes nothing, all else does the same to both.
internal sealed record RefusalStep(RefusalAction Action, StreamStep Step)
{
    // Beyond that a copy is not made, so that streams do not become ever longer.
    private const int LongestCopied = 20_000;

    public void Take(
        HakmemAllocator heap,
        HeapFiller filler,
        (NativeMemoryStream Stream, MemoryStream Model) one,
        (NativeMemoryStream Stream, MemoryStream Model) other)
    {
        switch (Action)
        {
            case RefusalAction.FillHeap:
                filler.Fill();
                return;
            case RefusalAction.DrainHeap or RefusalAction.DrainHeapMore:
                filler.Drain(Step.Mark % (Action == RefusalAction.DrainHeap ? 4 : 64), new Random(Step.Size));
                return;
            default:
                break;
        }

        if (Action == RefusalAction.CopyFromOther)
        {
            other.Stream.Position = Math.Min(other.Stream.Length, Step.Mark);
            other.Model.Position = other.Stream.Position;
        }

        StreamState before = new(one.Stream, heap);
        StreamState otherBefore = new(other.Stream, heap);
        try
        {
            Call(one.Stream, other.Stream);
        }
        catch (Exception refusal) when (refusal is OutOfMemoryException or IOException or ArgumentException)
        {
            before.AssertUnchanged();
            otherBefore.AssertUnchanged();
            return;
        }

        Call(one.Model, other.Model);
        AssertSame(one);
        AssertSame(other);
    }

    private static void AssertSame((NativeMemoryStream Stream, MemoryStream Model) pair)
    {
        Assert.Equal(pair.Model.Length, pair.Stream.Length);
        Assert.Equal(pair.Model.Position, pair.Stream.Position);
        Assert.True(pair.Model.ToArray().AsSpan().SequenceEqual(pair.Stream.ToArray()), "The contents differ.");
    }

    private void Call(Stream one, Stream other)
    {
        switch (Action)
        {
            case RefusalAction.RaiseCapacity when one is NativeMemoryStream native:
                native.Capacity = native.Length + Math.Max(Step.Size, 0) * 4L;
                break;
            case RefusalAction.HandOut when one is NativeMemoryStream native:
                _ = native.GetSpan(Math.Max(Step.Size, 0) * 4).Length;
                break;
            case RefusalAction.RaiseCapacity or RefusalAction.HandOut:
                break;
            case RefusalAction.CopyToOther when one.Length <= LongestCopied && other.Length <= LongestCopied:
                StreamStep.CopyTo(one, other);
                break;
            case RefusalAction.WriteToOther when one.Length <= LongestCopied && other.Length <= LongestCopied:
                StreamStep.WriteTo(one, other);
                break;
            case RefusalAction.CopyFromOther when one.Length <= LongestCopied && other.Length <= LongestCopied:
                StreamStep.CopyTo(other, one);
                break;
            case RefusalAction.CopyToOther or RefusalAction.WriteToOther or RefusalAction.CopyFromOther:
                break;
            default:
                Step.Take(one);
                break;
        }
    }
}
