using System;

namespace Hakmem.Tests.Support;

// Puts a class and those derived from it into another category than its namespace's.
[AttributeUsage(AttributeTargets.Class)]
internal sealed class CategoryAttribute(TestCategory category) : Attribute
{
    public TestCategory Category { get; } = category;
}
