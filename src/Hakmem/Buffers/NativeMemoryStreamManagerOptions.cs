using System.Diagnostics;

namespace Hakmem;

/// <summary>Settings of a <see cref="NativeMemoryStreamManager"/>.</summary>
[DebuggerDisplay("ChunkBytes = {ChunkBytes}, MaxStreamBytes = {MaxStreamBytes}")]
public sealed class NativeMemoryStreamManagerOptions
{
    /// <summary>The size of a stream's chunks in bytes: a power of two from 256 bytes to 1 GiB. 256 KiB by default. A
    /// stream with fewer bytes than a chunk holds less memory.</summary>
    public int ChunkBytes { get; init; } = NativeMemoryStream.DefaultChunkBytes;

    /// <summary>The most bytes of one stream, from zero. Zero, the default, is no limit but 1 TiB. A write beyond it
    /// throws an <see cref="System.OutOfMemoryException"/> and changes nothing.</summary>
    public long MaxStreamBytes { get; init; }

    /// <summary>Whether events have call stacks. Each stream then captures two, which takes far longer than the stream
    /// itself. False by default.</summary>
    public bool CaptureStacks { get; init; }

    /// <summary>Whether <see cref="NativeMemoryStream.ToArray"/> throws a <see cref="System.NotSupportedException"/>,
    /// to find the code that calls it. False by default.</summary>
    public bool ThrowsOnToArray { get; init; }
}
