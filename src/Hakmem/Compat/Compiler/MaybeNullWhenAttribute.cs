using System;
using Microsoft.CodeAnalysis;

namespace System.Diagnostics.CodeAnalysis;

// For the analysis of null: what the method returns where the parameter may be null after all.
[Embedded]
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class MaybeNullWhenAttribute(bool returnValue) : Attribute
{
    public bool ReturnValue { get; } = returnValue;
}
