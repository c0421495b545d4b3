using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Children;

// A process that takes the machine for a larger one.
[Category(TestCategory.Child)]
public sealed class ManyProcessorsTests
{
    [Theory]
    [InlineData(1, 8)]
    [InlineData(9, 32)]
    [InlineData(16, 32)]
    [InlineData(200, 64)]
    public void EveryClassWorksWithAsManyStripes(int processors, int stripes)
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.ManyProcessors, environment: new Dictionary<string, string>
        {
            ["DOTNET_PROCESSOR_COUNT"] = $"{processors}",
        });
        child.AssertSucceeded();
        Assert.Equal(stripes, child.Figure("stripes"));
        Assert.Equal(stripes, child.Figure("used"));
        Assert.Equal(0, child.Figure("tagged"));
        Assert.Equal(0, child.Figure("live"));
        Assert.Equal(1, child.Figure("sound"));
    }
}
