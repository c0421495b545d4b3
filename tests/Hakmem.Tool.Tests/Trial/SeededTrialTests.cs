using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Hakmem.Tool.Tests.Trial;

// Each of the seeded programs is named from outside.
public sealed class SeededTrialTests
{
    public static TheoryData<string> Programs { get; } = [.. SeededTrial.Programs.Select(program => program.Name)];

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task TheToolNamesTheCulprit(string name)
    {
        TrialResult result = await SeededTrial.RunAsync(SeededTrial.Programs.Single(program => program.Name == name));
        Assert.True(result.IsNamed, $"{name} was named {result.NamedAs}.");
    }
}
