using System;

namespace Hakmem.Compat;

// Members of spans that came after netstandard2.0.
internal static class SpanMembers
{
    extension(ReadOnlySpan<byte> span)
    {
        public int IndexOfAnyExcept(byte value)
        {
            for (int i = 0; i < span.Length; i++)
            {
                if (span[i] != value)
                {
                    return i;
                }
            }

            return -1;
        }
    }
}
