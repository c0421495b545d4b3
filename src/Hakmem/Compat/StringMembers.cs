using System;

namespace Hakmem.Compat;

// Members that the class has got since netstandard2.0.
internal static class StringMembers
{
    extension(string)
    {
        public static string Create(IFormatProvider provider, FormattableString text) => text.ToString(provider);
    }

    extension(string text)
    {
        public bool Contains(char value, StringComparison comparison) => text.IndexOf(value.ToString(), comparison) >= 0;
    }
}
