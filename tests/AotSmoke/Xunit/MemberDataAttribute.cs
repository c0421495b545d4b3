using System;

namespace Xunit;

// Where a theory's numbers are. Program says so too, since nothing can look a member up by its name here.
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MemberDataAttribute(string memberName) : Attribute
{
    public string MemberName { get; } = memberName;
}
