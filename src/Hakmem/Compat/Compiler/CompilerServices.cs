using System;
using Microsoft.CodeAnalysis;

namespace System.Runtime.CompilerServices;

// Makes the compiler pass the text of another argument.
[Embedded]
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class CallerArgumentExpressionAttribute(string parameterName) : Attribute
{
    public string ParameterName { get; } = parameterName;
}

// Names a feature that a compiler must support to use a type. The compiler adds it to types with required members.
[Embedded]
[AttributeUsage(AttributeTargets.All, AllowMultiple = true, Inherited = false)]
internal sealed class CompilerFeatureRequiredAttribute(string featureName) : Attribute
{
    public string FeatureName { get; } = featureName;
}

// Marks setters that only an initializer may call.
[Embedded]
internal static class IsExternalInit;

// Marks required members, and the types that have them.
[Embedded]
[AttributeUsage(
    AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Field | AttributeTargets.Property,
    Inherited = false)]
internal sealed class RequiredMemberAttribute : Attribute;

// Leaves what a method takes of the stack as it is found.
[Embedded]
[AttributeUsage(AttributeTargets.Method, Inherited = false)]
internal sealed class SkipLocalsInitAttribute : Attribute;
