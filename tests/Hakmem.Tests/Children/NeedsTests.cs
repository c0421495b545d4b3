using System;
using System.Collections.Generic;
using Hakmem.Tests.Memory;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Children;

// A test says by an attribute what it needs of the system. Where that is not to be had, the test is skipped, and its class is not created.
public sealed class NeedsTests
{
    [Fact]
    [Needs(SystemNeed.Linux)]
    public void TestsThatNeedWhatIsNotThereAreSkipped()
    {
        // A command that starts another one and is no emulator, which the tests cannot know.
        Dictionary<string, string> environment = new() { [Emulator.Variable] = "env" };
        ChildResult child = ChildProcess.RunProgram(["-class", typeof(ZeroedAfterDiscardTests).FullName!], environment);
        child.AssertSucceeded();
        string[] lines = child.Output.TrimEnd().Split('\n');
        Assert.StartsWith("0 passed, 0 failed, ", lines[^1], StringComparison.Ordinal);
        Assert.StartsWith("SKIPPED ", lines[^2], StringComparison.Ordinal);
        Assert.EndsWith(SystemNeeds.NoPages, lines[^2], StringComparison.Ordinal);
    }

    [Fact]
    public void OneNeedThatIsNotMetIsAReasonToSkip()
    {
        Assert.Null(SystemNeeds.ReasonToSkip([]));
        Assert.Equal(OperatingSystem.IsLinux(), SystemNeeds.ReasonToSkip(["linux"]) is null);
        Assert.NotNull(SystemNeeds.ReasonToSkip(["linux", "windows"]));
        Assert.NotNull(SystemNeeds.ReasonToSkip(["windows", "linux"]));
    }
}
