using System;

namespace Hakmem.Compat;

// Static members that the class has got since netstandard2.0.
internal static class ArrayMembers
{
    extension(Array)
    {
        // What .NET says of arrays of bytes.
        public static int MaxLength => 0x7FFFFFC7;

        public static void Clear(Array array) => Array.Clear(array, 0, array.Length);
    }
}
