using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Hakmem.Tests.Conformance;
using Xunit;

namespace Hakmem.Tests.Architecture;

// The natively compiled program names the classes it runs, since it can look for none: here it is seen that it forgets none.
public sealed class NativeSuiteTests
{
    [Fact]
    public void EveryModeOfTheConformanceSuiteIsInTheNativeProgram()
    {
        string program = File.ReadAllText(Path.Combine(SourceTree.Root, "tests", "AotSmoke", "Program.cs"));
        string[] modes =
        [
            .. typeof(AllocatorConformance).Assembly.GetTypes()
                .Where(type => !type.IsAbstract && (type.IsSubclassOf(typeof(AllocatorConformance)) || type.IsSubclassOf(typeof(MemoryPoolConformance))))
                .Where(type => type.Namespace == typeof(AllocatorConformance).Namespace)

                // These need doubles of the library's own parts, or a heap that no public member makes.
                .Where(type => !type.Name.StartsWith("Refused", StringComparison.Ordinal))
                .Where(type => !type.Name.StartsWith("Fallback", StringComparison.Ordinal))
                .Select(type => type.Name),
        ];
        Assert.NotEmpty(modes);
        IEnumerable<string> missing = modes.Where(mode => !program.Contains($".Add<{mode}>(", StringComparison.Ordinal));
        Assert.Empty(missing);
    }
}
