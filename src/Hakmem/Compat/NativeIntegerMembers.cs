namespace Hakmem.Compat;

// Static members that nint and nuint have got since netstandard2.0.
internal static class NativeIntegerMembers
{
    extension(nint)
    {
        public static unsafe int Size => sizeof(nint);
    }

    extension(nuint)
    {
        public static nuint MaxValue => unchecked((nuint)(-1L));

        public static nuint Max(nuint x, nuint y) => x > y ? x : y;

        public static nuint Min(nuint x, nuint y) => x < y ? x : y;
    }
}
