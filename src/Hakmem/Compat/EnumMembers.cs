using System;

namespace Hakmem.Compat;

// Static members that netstandard2.0 lacks.
internal static class EnumMembers
{
    extension(Enum)
    {
        public static bool TryParse(Type type, string text, bool ignoreCase, out object? value)
        {
            try
            {
                value = Enum.Parse(type, text, ignoreCase);
                return true;
            }
            catch (Exception finding) when (finding is ArgumentException or OverflowException)
            {
                value = null;
                return false;
            }
        }
    }
}
