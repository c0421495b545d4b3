using Microsoft.CodeAnalysis;

namespace System;

// A place counted from the beginning or, as in text[^1], from the end. The compiler does the arithmetic itself where it can.
[Embedded]
internal readonly struct Index(int value, bool fromEnd = false)
{
    public int GetOffset(int length) => fromEnd ? length - value : value;

    public static implicit operator Index(int value) => new(value);
}
