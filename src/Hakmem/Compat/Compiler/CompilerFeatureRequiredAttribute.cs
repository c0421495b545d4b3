using System;
using Microsoft.CodeAnalysis;

namespace System.Runtime.CompilerServices;

// Names a feature that a compiler must know to use what is marked: types with required members have it.
[Embedded]
[AttributeUsage(AttributeTargets.All, AllowMultiple = true, Inherited = false)]
internal sealed class CompilerFeatureRequiredAttribute(string featureName) : Attribute
{
    public string FeatureName { get; } = featureName;
}
