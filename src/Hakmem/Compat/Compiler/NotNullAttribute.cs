using System;
using Microsoft.CodeAnalysis;

namespace System.Diagnostics.CodeAnalysis;

// For the analysis of null: not null once the method has returned.
[Embedded]
[AttributeUsage(AttributeTargets.Field | AttributeTargets.Parameter | AttributeTargets.Property | AttributeTargets.ReturnValue)]
internal sealed class NotNullAttribute : Attribute;
