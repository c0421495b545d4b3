using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Hakmem.Tool.Tests.Trial;

// Each of the seeded programs is named from outside.
public sealed class SeededTrialTests
{
    // A program leaks from its start on, so half of what the documents' trial watches shows the same.
    private const int WatchSeconds = SeededProgram.WatchSeconds / 2;

    public static TheoryData<string> Programs { get; } = [.. SeededTrial.Programs.Select(program => program.Name)];

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task TheToolNamesTheCulprit(string name)
    {
        TrialResult result = await SeededTrial.RunAsync(
            SeededTrial.Programs.Single(program => program.Name == name), WatchSeconds);
        Assert.True(result.IsNamed, $"{name} was named {result.NamedAs}.");
    }
}
