using System.Collections.Generic;
using System.Diagnostics;

namespace Hakmem;

/// <summary>One row of a <see cref="NativeMemoryReport"/>. Immutable, hence thread-safe.</summary>
[DebuggerDisplay("{Name}: {ResidentBytes} bytes")]
public sealed class NativeMemoryRow
{
    internal NativeMemoryRow(
        NativeMemoryKind kind, string name, long residentBytes, string source, IReadOnlyList<NativeMemoryPart> parts)
    {
        Kind = kind;
        Name = name;
        ResidentBytes = residentBytes;
        Source = source;
        Parts = parts;
    }

    /// <summary>What the memory is.</summary>
    public NativeMemoryKind Kind { get; }

    /// <summary>The same for people, in English.</summary>
    public string Name { get; }

    /// <summary>The bytes of the resident set that this row explains.</summary>
    public long ResidentBytes { get; }

    /// <summary>How that was told, in English: what was read, and what was assumed.</summary>
    public string Source { get; }

    /// <summary>Details of the row, largest first, such as files, arenas or generations. Their bytes are those that
    /// their owner counts, which may include bytes that are not resident.</summary>
    public IReadOnlyList<NativeMemoryPart> Parts { get; }
}

/// <summary>A detail of a <see cref="NativeMemoryRow"/>.</summary>
/// <param name="Name">What it is, in English, or the path of a file.</param>
/// <param name="Bytes">Its bytes, as its owner counts them.</param>
[DebuggerDisplay("{Name}: {Bytes} bytes")]
public readonly record struct NativeMemoryPart(string Name, long Bytes);

/// <summary>How much a row of a <see cref="NativeMemoryReport"/> has grown since an earlier report.</summary>
/// <param name="Kind">The row.</param>
/// <param name="Bytes">The resident bytes that it has more than before; negative if it has shrunk.</param>
[DebuggerDisplay("{Kind}: {Bytes} bytes")]
public readonly record struct NativeMemoryGrowth(NativeMemoryKind Kind, long Bytes);
