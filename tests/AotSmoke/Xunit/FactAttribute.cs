using System;

namespace Xunit;

// A test.
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactAttribute : Attribute;
