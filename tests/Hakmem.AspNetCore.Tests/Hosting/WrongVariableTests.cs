using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Tests.Children;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Hosting;

// A mistake in an environment variable stops the host, as one in the configuration does. Otherwise the service starts,
// and fails every request that uses memory.
public sealed class WrongVariableTests
{
    [Theory]
    [InlineData("HAKMEM_MAX_BYTES=64M", "HAKMEM_MAX_BYTES")]
    [InlineData("HAKMEM_MAX_BYTES=1", "MaxBytes")]
    [InlineData("HAKMEM_HARDENING=7", "HAKMEM_HARDENING")]
    [InlineData("HAKMEM_PURGE_DELAY=5s", "HAKMEM_PURGE_DELAY")]
    [InlineData("HAKMEM_MAX_BYTES=4194304 HAKMEM_SOFT_LIMIT_BYTES=8388608", "SoftLimitBytes")]
    [InlineData("HAKMEM_CONTAINER_LIMIT_PERCENT=150", "HAKMEM_CONTAINER_LIMIT_PERCENT")]
    [InlineData("HAKMEM_MAX_BYTES=64M", "HAKMEM_MAX_BYTES", WrongVariableService.Existing)]
    [InlineData("HAKMEM_MAX_BYTES=64M", "HAKMEM_MAX_BYTES", WrongVariableService.Isolated)]
    public void AWrongVariableStopsTheHost(string variables, string name, params string[] args)
    {
        string output = Run(variables, args);
        Assert.StartsWith("refused: ", output, StringComparison.Ordinal);
        Assert.Contains(name, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HAKMEM_MAX_BYTES=67108864")]
    [InlineData("HAKMEM_MAX_BYTES=67108864", WrongVariableService.Existing)]
    public void ARightVariableDoesNot(string variables, params string[] args) =>
        Assert.Equal("started\n", Run(variables, args));

    private static string Run(string variables, string[] args)
    {
        Dictionary<string, string> environment = variables.Split(' ').Select(pair => pair.Split('='))
            .ToDictionary(pair => pair[0], pair => pair[1]);
        environment["Logging__LogLevel__Default"] = "None";
        ChildResult child = ChildProcess.Run(WrongVariableService.Name, args, environment);
        child.AssertSucceeded();
        return child.Output;
    }
}
