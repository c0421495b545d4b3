using System;

namespace Microsoft.CodeAnalysis;

// Keeps a type out of sight of other assemblies, whatever they are given to see: tests of this target would find two of each otherwise.
[Embedded]
[AttributeUsage(AttributeTargets.All)]
internal sealed class EmbeddedAttribute : Attribute;
