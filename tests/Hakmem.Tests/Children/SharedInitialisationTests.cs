using Xunit;

namespace Hakmem.Tests.Children;

public sealed class SharedInitialisationTests
{
    [Fact]
    public void TheFirstUseMayBeOnSeveralThreadsAtOnce()
    {
        // A race has few chances in one start; each child process is another.
        for (int i = 0; i < 8; i++)
        {
            ChildResult child = ChildProcess.Run(ChildScenarios.SharedInitialisation);
            child.AssertSucceeded();
            Assert.Equal(1, child.Figure("instances"));
            Assert.Equal(0, child.Figure("live"));
        }
    }

    [Fact]
    public void AnUnknownScenarioIsAnError()
    {
        Assert.Equal(2, ChildProcess.Run("no-such-scenario").ExitCode);
    }
}
