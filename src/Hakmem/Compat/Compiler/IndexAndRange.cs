using Microsoft.CodeAnalysis;

namespace System;

// An index from the start or, as in text[^1], from the end. The compiler computes the position itself where it can.
[Embedded]
internal readonly struct Index(int value, bool fromEnd = false)
{
    public int GetOffset(int length) => fromEnd ? length - value : value;

    public static implicit operator Index(int value) => new(value);
}

// A range of indices, as in span[a..b], which the compiler translates to a call of Slice.
[Embedded]
internal readonly struct Range(Index start, Index end)
{
    public Index Start { get; } = start;

    public Index End { get; } = end;
}
