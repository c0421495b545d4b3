using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Hakmem.Tests.Concurrency;

// The library's protocols hold in every order of their steps, on the weakest memory; and the checker is one that would notice: each
// slip it is given makes it report what went wrong, with the steps that lead there.
public sealed class ProtocolModelTests
{
    public static TheoryData<string> DepotFlaws => Flaws<DepotFlaw>();

    public static TheoryData<string> AdoptionFlaws => Flaws<AdoptionFlaw>();

    public static TheoryData<string> DecayNotifyFlaws => Flaws<DecayNotifyFlaw>();

    [Fact]
    public void TheDepotExchangeLosesAndDoublesNothing() => AssertHolds(() => new DepotModel(DepotFlaw.None));

    [Theory]
    [MemberData(nameof(DepotFlaws))]
    public void ASlipInTheDepotExchangeIsFound(string flaw) => AssertFound(() => new DepotModel(Enum.Parse<DepotFlaw>(flaw)));

    [Fact]
    public void AThreadsEndLosesAndDoublesNothing() => AssertHolds(() => new AdoptionModel(AdoptionFlaw.None));

    [Theory]
    [MemberData(nameof(AdoptionFlaws))]
    public void ASlipAtAThreadsEndIsFound(string flaw) => AssertFound(() => new AdoptionModel(Enum.Parse<AdoptionFlaw>(flaw)));

    [Theory]
    [InlineData(1, 3)]
    [InlineData(2, 2)]
    public void WhatWasFreedDecaysOrIsScheduled(int threads, int runs) =>
        AssertHolds(() => new DecayNotifyModel(DecayNotifyFlaw.None, threads, runs));

    [Theory]
    [MemberData(nameof(DecayNotifyFlaws))]
    public void ASlipInNotifyingIsFound(string flaw) =>
        AssertFound(() => new DecayNotifyModel(Enum.Parse<DecayNotifyFlaw>(flaw), threads: 1, runs: 2));

    internal static TheoryData<string> Flaws<T>()
        where T : struct, Enum => [.. Enum.GetNames<T>().Skip(1)];

    internal static void AssertHolds(Func<Model> create)
    {
        Exploration exploration = Explorer.Explore(create);
        TestContext.Current.TestOutputHelper?.WriteLine(exploration.ToString());
        Assert.True(exploration.Violation is null, exploration.ToString());

        // A model whose threads stop at once would hold, too.
        Assert.True(exploration.States > 100, $"Only {exploration.States} states were explored.");
    }

    internal static void AssertFound(Func<Model> create)
    {
        Exploration exploration = Explorer.Explore(create);
        TestContext.Current.TestOutputHelper?.WriteLine(exploration.ToString());
        Assert.True(exploration.Violation is not null, $"The slip was not found: {exploration}.");

        // The trace is of use: it shows at least two threads at work.
        IEnumerable<string> threads = exploration.Trace.Select(line => line[..line.IndexOf(':', StringComparison.Ordinal)]);
        Assert.True(threads.Distinct().Count() >= 2, exploration.ToString());
    }
}
