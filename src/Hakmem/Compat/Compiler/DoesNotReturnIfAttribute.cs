using System;
using Microsoft.CodeAnalysis;

namespace System.Diagnostics.CodeAnalysis;

// For the analysis of null: the value of the parameter with which the method throws.
[Embedded]
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class DoesNotReturnIfAttribute(bool parameterValue) : Attribute
{
    public bool ParameterValue { get; } = parameterValue;
}
