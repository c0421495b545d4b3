using System;
using System.Text;

namespace Hakmem.Profiling;

// Text as bytes, for records that are read where nothing managed can run.
internal static unsafe class Utf8Text
{
    // Writes a text, or nothing if it does not fit; gives the number of bytes.
    public static int Write(string text, Span<byte> into)
    {
        if (into.IsEmpty || Encoding.UTF8.GetByteCount(text) > into.Length)
        {
            return 0;
        }

        // SAFETY: both are pinned, and the byte count was checked.
        fixed (char* characters = text)
        fixed (byte* bytes = into)
        {
            return Encoding.UTF8.GetBytes(characters, text.Length, bytes, into.Length);
        }
    }
}
