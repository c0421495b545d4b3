using System;
using System.Text;

namespace Hakmem.Profiling;

// UTF-8 text for records that are read where no managed code can run.
internal static unsafe class Utf8Text
{
    // Writes a text, or nothing if it does not fit; returns the number of bytes.
    public static int Write(string text, Span<byte> into)
    {
        if (into.IsEmpty || Encoding.UTF8.GetByteCount(text) > into.Length)
        {
            return 0;
        }

        // SAFETY: both buffers are pinned, and the byte count was checked.
        fixed (char* characters = text)
        fixed (byte* bytes = into)
        {
            return Encoding.UTF8.GetBytes(characters, text.Length, bytes, into.Length);
        }
    }
}
