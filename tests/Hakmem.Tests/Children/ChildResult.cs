using System;
using System.Globalization;
using System.Linq;
using Xunit;

namespace Hakmem.Tests.Children;

// What a child process printed and how it ended.
internal sealed record ChildResult(int ExitCode, string Output, string Error)
{
    public void AssertSucceeded() => Assert.True(ExitCode == 0, $"The child process ended with {ExitCode}.\n{Output}\n{Error}");

    // The value of a line `name=value`.
    public long Figure(string name)
    {
        string? line = Output.Split('\n').FirstOrDefault(text => text.StartsWith(name + "=", StringComparison.Ordinal));
        Assert.True(line is not null, $"The child process printed no '{name}'.\n{Output}\n{Error}");
        return long.Parse(line[(name.Length + 1)..], CultureInfo.InvariantCulture);
    }
}
