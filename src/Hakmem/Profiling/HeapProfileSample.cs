using System;
using System.Collections.Generic;
using System.Diagnostics;
using Hakmem.Profiling;

namespace Hakmem;

/// <summary>The estimates of a <see cref="HeapProfile"/> for one call stack.</summary>
/// <remarks>Immutable. Thread-safe.</remarks>
[DebuggerDisplay("about {InUseBytes} bytes in use")]
public sealed class HeapProfileSample
{
    private const string FramePrefix = "   at ";

    // The text is as in StackTable: a line for the tag, if there is one, and one for each frame.
    internal HeapProfileSample(string text)
    {
        string stackText = text;
        if (text.StartsWith(SampleOwnership.LinePrefix, StringComparison.Ordinal))
        {
            int end = text.IndexOf('\n');
            Tag = text[SampleOwnership.LinePrefix.Length..end];
            stackText = text[(end + 1)..];
        }

        Text = text;
        StackText = stackText;
        string[] lines = stackText.Split(['\n'], StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < lines.Length; i++)
        {
            lines[i] = lines[i].StartsWith(FramePrefix, StringComparison.Ordinal)
                ? lines[i][FramePrefix.Length..]
                : lines[i];
        }

        Frames = lines.Length == 0 ? ["(unknown)"] : lines;
    }

    /// <summary>The methods of the stack, as <c>Namespace.Type.Method</c>: the one that called this library first. A
    /// stack that could not be read has one frame, <c>(unknown)</c>.</summary>
    public IReadOnlyList<string> Frames { get; }

    /// <summary>The same as text: a line for each frame, as in the text of an exception. Empty if the stack could not
    /// be read.</summary>
    public string StackText { get; }

    /// <summary>The <see cref="MemoryTag"/> that the blocks belong to: the names from its outermost parent to the tag,
    /// separated by slashes. Of more than 512 characters only the last ones are there, after an ellipsis. Null for
    /// blocks without a tag, and if the stack could not be read.</summary>
    public string? Tag { get; }

    /// <summary>How many blocks were allocated: an estimate.</summary>
    public long AllocatedObjects { get; internal init; }

    /// <summary>How many bytes were requested: an estimate.</summary>
    public long AllocatedBytes { get; internal init; }

    /// <summary>How many of the blocks are not freed: an estimate.</summary>
    public long InUseObjects { get; internal init; }

    /// <summary>The requested bytes of the blocks that are not freed: an estimate.</summary>
    public long InUseBytes { get; internal init; }

    /// <summary>How many samples the estimates of allocations are made of: the standard error of
    /// <see cref="AllocatedBytes"/> is about its value divided by the square root of this number, if the blocks are
    /// of similar sizes.</summary>
    public long SampleCount { get; internal init; }

    // Tells the samples of a profile apart: the stack with the tag.
    internal string Text { get; }

    // The number of the stack in HeapSampler.Stacks.
    internal int StackNumber { get; init; }

    internal bool IsEmpty => (AllocatedObjects | AllocatedBytes | InUseObjects | InUseBytes) == 0;

    internal long ValueOf(HeapProfileValue value) => value switch
    {
        HeapProfileValue.AllocatedObjects => AllocatedObjects,
        HeapProfileValue.AllocatedBytes => AllocatedBytes,
        HeapProfileValue.InUseObjects => InUseObjects,
        _ => InUseBytes,
    };

    internal HeapProfileSample Less(HeapProfileSample earlier) => new(Text)
    {
        AllocatedObjects = AllocatedObjects - earlier.AllocatedObjects,
        AllocatedBytes = AllocatedBytes - earlier.AllocatedBytes,
        InUseObjects = InUseObjects - earlier.InUseObjects,
        InUseBytes = InUseBytes - earlier.InUseBytes,
        SampleCount = SampleCount - earlier.SampleCount,
    };
}
