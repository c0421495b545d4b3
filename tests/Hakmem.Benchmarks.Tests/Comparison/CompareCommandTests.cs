using System.CommandLine;
using System.Linq;
using Hakmem.Benchmarks.Comparison;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Comparison;

public sealed class CompareCommandTests
{
    [Fact]
    public void DefaultsAreAllWorkloadsWithOurSubjects()
    {
        ParseResult parsed = Parse("--base", "main");
        Assert.Empty(parsed.Errors);
        Assert.Equal("main", parsed.GetValue(CompareCommand.Base));
        Assert.Equal((5, 5), (parsed.GetValue(CompareCommand.Turns), parsed.GetValue(CompareCommand.Rounds)));
        Assert.Null(parsed.GetValue(CompareCommand.FailAbove));
        Assert.Equal(
            WorkloadCatalog.All.Select(workload => workload.Name),
            CompareCommand.RowsOf(parsed).Select(row => row.Workload.Name).Distinct());
        Assert.All(CompareCommand.RowsOf(parsed), row => Assert.Equal(SubjectRole.Ours, row.Subject.Role));
    }

    [Fact]
    public void RowsSubjectsAndNumbersAreTaken()
    {
        ParseResult parsed = Parse(
            "tiny-hot", "--base", "v0.1.0", "batch", "--subjects", "hakmem,null",
            "--turns", "7", "--rounds", "2", "--fail-above", "1.05");
        Assert.Empty(parsed.Errors);
        Assert.Equal(
            ["tiny-hot hakmem", "tiny-hot null", "batch hakmem", "batch null"],
            CompareCommand.RowsOf(parsed).Select(row => $"{row.Workload.Name} {row.Subject.Name}"));
        Assert.Equal((7, 2), (parsed.GetValue(CompareCommand.Turns), parsed.GetValue(CompareCommand.Rounds)));
        Assert.Equal(1.05, parsed.GetValue(CompareCommand.FailAbove));
    }

    [Theory]
    [InlineData("'--base' is required", "tiny-hot")]
    [InlineData("There is no 'tiny-cold'.", "tiny-cold", "--base", "main")]
    [InlineData("There is no 'jamalloc'.", "--base", "main", "--subjects", "jamalloc")]
    [InlineData("--turns must be at least 1", "--base", "main", "--turns", "0")]
    [InlineData("--rounds must be at least 1", "--base", "main", "--rounds", "-1")]
    public void WrongArgumentIsAnError(string expected, params string[] arguments) =>
        Assert.Contains(
            Parse(arguments).Errors,
            error => error.Message.Contains(expected, System.StringComparison.Ordinal));

    [Fact]
    public void OneThreadIsForWorkloadsWhoseThreadsDoTheSame()
    {
        string[] arguments = ["private-16", "xmalloc", "tiny-hot", "--base", "main"];
        Assert.Equal([2, 1, 1], WorkerCountsOf(Parse(arguments)));
        Assert.Equal([1, 1, 1], WorkerCountsOf(Parse([.. arguments, "--one-thread"])));
    }

    [Fact]
    public void ExitCodeIsOneForFailuresAndSlowerRowsOnly()
    {
        ComparisonRow slower = Figures.Row([10, 10, 10], [13, 13, 13]);
        Assert.Equal(0, CompareCommand.ExitCodeOf(new([slower], []), limit: null));
        Assert.Equal(0, CompareCommand.ExitCodeOf(new([slower], []), limit: 1.5));
        Assert.Equal(1, CompareCommand.ExitCodeOf(new([slower], []), limit: 1.2));
        Assert.Equal(1, CompareCommand.ExitCodeOf(new([slower], ["A row failed."]), limit: null));
        Assert.Equal(1, CompareCommand.ExitCodeOf(new([], []), limit: null));
    }

    private static int[] WorkerCountsOf(ParseResult parsed) =>
        [.. CompareCommand.RowsOf(parsed).Select(row => row.Workload.WorkerCount)];

    private static ParseResult Parse(params string[] arguments) =>
        new RootCommand { CompareCommand.Create() }.Parse(["compare", .. arguments]);
}
