using System;

namespace Microsoft.CodeAnalysis;

// Hides a type from all other assemblies, even those that may see internal types. Otherwise the tests of this target
// would find two types of each name.
[Embedded]
[AttributeUsage(AttributeTargets.All)]
internal sealed class EmbeddedAttribute : Attribute;
