using Xunit;

namespace Hakmem.Tests.Children;

public sealed class TooManyHeapsTests
{
    [Fact]
    public void TheNumberOfHeapsIsLimitedAndRecovers()
    {
        ChildResult child = ChildProcess.Run(ChildScenarios.TooManyHeaps);
        child.AssertSucceeded();
        Assert.Equal(8_191, child.Figure("first"));
        Assert.Equal(8_191, child.Figure("second"));
    }
}
