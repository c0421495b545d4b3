using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Hakmem.Mutants;
using Xunit;

namespace Hakmem.Tests.Architecture;

// The list of slips that tests/Mutants applies stays in step with the sources: each slip's text is there, once.
public sealed class MutantListTests
{
    [Fact]
    public void EverySlipFitsTheSources()
    {
        IReadOnlyList<Mutant> mutants = MutantList.Read(Path.Combine(SourceTree.Root, "tests", "Mutants", "mutants.txt"));
        Assert.True(mutants.Count >= 44, $"There are only {mutants.Count} slips.");
        Assert.Equal(mutants.Count, mutants.Select(mutant => mutant.Name).Distinct().Count());
        Assert.Empty(mutants.Where(mutant => TimesIn(mutant) != 1).Select(mutant => $"{mutant.Name}: {TimesIn(mutant)} times in {mutant.File}"));
    }

    private static int TimesIn(Mutant mutant) =>
        File.ReadAllText(Path.Combine(SourceTree.Root, mutant.File)).Split(mutant.Before, StringSplitOptions.None).Length - 1;
}
