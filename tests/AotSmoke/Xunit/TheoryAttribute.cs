using System;

namespace Xunit;

// A test with a number.
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TheoryAttribute : Attribute;
