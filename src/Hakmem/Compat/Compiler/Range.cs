using Microsoft.CodeAnalysis;

namespace System;

// From one place to another, as in span[a..b], which the compiler turns into a call of Slice.
[Embedded]
internal readonly struct Range(Index start, Index end)
{
    public Index Start { get; } = start;

    public Index End { get; } = end;
}
