using System;
using System.Text;

namespace Hakmem.Compat;

// Members of string and StringBuilder that netstandard2.0 lacks.
internal static class TextMembers
{
    extension(string)
    {
        public static string Create(IFormatProvider provider, FormattableString text) => text.ToString(provider);
    }

    extension(string text)
    {
        public bool Contains(char value, StringComparison comparison) =>
            text.IndexOf(value.ToString(), comparison) >= 0;

        public bool Contains(string value, StringComparison comparison) => text.IndexOf(value, comparison) >= 0;
    }

    extension(StringBuilder builder)
    {
        public StringBuilder Append(IFormatProvider provider, FormattableString text) =>
            builder.Append(text.ToString(provider));
    }
}
