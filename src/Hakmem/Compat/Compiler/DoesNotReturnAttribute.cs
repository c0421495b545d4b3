using System;
using Microsoft.CodeAnalysis;

namespace System.Diagnostics.CodeAnalysis;

// For the analysis of null: a method that always throws.
[Embedded]
[AttributeUsage(AttributeTargets.Method, Inherited = false)]
internal sealed class DoesNotReturnAttribute : Attribute;
