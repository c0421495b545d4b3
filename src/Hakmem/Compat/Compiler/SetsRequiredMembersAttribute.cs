using System;
using Microsoft.CodeAnalysis;

namespace System.Diagnostics.CodeAnalysis;

// A constructor that sets all required members.
[Embedded]
[AttributeUsage(AttributeTargets.Constructor)]
internal sealed class SetsRequiredMembersAttribute : Attribute;
