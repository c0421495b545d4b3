using System;
using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Children;

public sealed class NoMappingsLeftTests
{
    [Fact]
    [Needs(SystemNeed.Linux, SystemNeed.Proc)]
    public void MappingsThatRanOutAreNamedByTheException()
    {
        // The runtime's own second mapping for code that it writes, and its second compilation, would each need a
        // mapping at a bad moment.
        ChildResult child = ChildProcess.Run(ChildScenarios.NoMappingsLeft, environment: new Dictionary<string, string>
        {
            ["DOTNET_EnableWriteXorExecute"] = "0",
            ["DOTNET_TieredCompilation"] = "0",
        });
        child.AssertSucceeded();
        Assert.SkipWhen(child.Output.Contains("\nnone", StringComparison.Ordinal), "This system does not run out of mappings.");
        Assert.Contains("vm.max_map_count", child.Output, StringComparison.Ordinal);
    }
}
