using System;

namespace Hakmem.Compat;

// Static members that netstandard2.0 lacks.
internal static class EnumMembers
{
    extension(Enum)
    {
        public static string[] GetNames<T>()
            where T : struct, Enum => Enum.GetNames(typeof(T));

        public static bool IsDefined<T>(T value)
            where T : struct, Enum => Enum.IsDefined(typeof(T), value);
    }
}
