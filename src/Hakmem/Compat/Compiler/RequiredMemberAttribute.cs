using System;
using Microsoft.CodeAnalysis;

namespace System.Runtime.CompilerServices;

// Marks what the keyword required is written before, and the types that have such members.
[Embedded]
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Field | AttributeTargets.Property, Inherited = false)]
internal sealed class RequiredMemberAttribute : Attribute;
