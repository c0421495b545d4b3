using System;
using Microsoft.CodeAnalysis;

namespace System.Runtime.CompilerServices;

// Has the compiler pass the text of another argument.
[Embedded]
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class CallerArgumentExpressionAttribute(string parameterName) : Attribute
{
    public string ParameterName { get; } = parameterName;
}
