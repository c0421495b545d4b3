using System;
using System.Text;

namespace Hakmem.Compat;

// Members that the class has got since netstandard2.0.
internal static class StringBuilderMembers
{
    extension(StringBuilder builder)
    {
        public StringBuilder Append(IFormatProvider provider, FormattableString text) => builder.Append(text.ToString(provider));
    }
}
