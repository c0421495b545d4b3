using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Xunit;

namespace Hakmem.Tests.Architecture;

// docs/security.md names, for each promise, the tests that show it: `Class.Method`. One that was renamed would leave the promise unshown.
public sealed partial class SecurityPageTests
{
    [Fact]
    public void EveryTestItNamesExists()
    {
        string page = File.ReadAllText(Path.Combine(SourceTree.Root, "docs", "security.md"));
        string[] named = [.. TestName().Matches(page).Select(match => match.Groups[1].Value)];
        HashSet<string> tests = [.. typeof(SecurityPageTests).Assembly.GetTypes().SelectMany(type =>
            type.GetMethods().Where(IsTest).Select(method => $"{type.Name}.{method.Name}"))];
        Assert.NotEmpty(named);
        Assert.Empty(named.Except(tests));
    }

    private static bool IsTest(System.Reflection.MethodInfo method) => Attribute.IsDefined(method, typeof(FactAttribute));

    [GeneratedRegex(@"`(\w+(?:Tests|Conformance)\.\w+)`")]
    private static partial Regex TestName();
}
