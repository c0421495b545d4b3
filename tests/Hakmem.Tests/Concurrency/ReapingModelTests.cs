using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Hakmem.Tests.Concurrency;

// The reaping of a living thread's cache holds against every sequence of a few calls of its owner, in every order of steps and on the
// weakest memory; and each slip is found.
public sealed class ReapingModelTests
{
    private const int ScriptSteps = 4;

    public static TheoryData<string> Flaws => ProtocolModelTests.Flaws<ReapingFlaw>();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void WhateverTheOwnerDoesReapingLosesAndDoublesNothing(int rounds)
    {
        int states = 0;
        foreach (string script in Scripts(rounds == 1 ? ScriptSteps : ScriptSteps - 1))
        {
            Exploration exploration = Explorer.Explore(() => new ReapingModel(ReapingFlaw.None, script, rounds));
            Assert.True(exploration.Violation is null, $"Script {script}: {exploration}");
            states += exploration.States;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{states} states");
        Assert.True(states > 10_000, $"Only {states} states were explored.");
    }

    [Theory]
    [MemberData(nameof(Flaws))]
    public void ASlipInReapingIsFound(string flaw)
    {
        ReapingFlaw slip = Enum.Parse<ReapingFlaw>(flaw);
        IEnumerable<Func<Model>> models =
            from script in Scripts(ScriptSteps)
            select (Func<Model>)(() => new ReapingModel(slip, script, rounds: 1));
        Func<Model>? found = models.FirstOrDefault(model => Explorer.Explore(model).Violation is not null);
        Assert.True(found is not null, "The slip was not found.");
        ProtocolModelTests.AssertFound(found);
    }

    // Every sequence of so many steps; shorter ones are their beginnings. A second free stands only where a first one
    // is not yet undone.
    private static IEnumerable<string> Scripts(int steps) =>
        steps == 0 ? [""] : Scripts(steps - 1).SelectMany(script => "AFWD".Where(step => IsOfUse(script, step)).Select(step => script + step));

    private static bool IsOfUse(string script, char step) => step != 'D' || script.EndsWith('F') || script.EndsWith("FW", StringComparison.Ordinal);
}
