using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using System.Xml.Linq;
using Xunit;

namespace Hakmem.Documentation.Tests.Blocks;

// All code that the documents show compiles without a warning and runs. There is no way to except a block.
public sealed class CodeBlockTests
{
    // What a fence may say it is. No label is for commands and drawings.
    private static readonly string[] s_languages = ["csharp", "json", "xml", ""];

    public static TheoryData<string> Places(string language) =>
        [.. Documents.Blocks.Where(block => block.Language == language).Select(block => block.Place)];

    [Theory]
    [MemberData(nameof(Places), "csharp")]
    public async Task EveryBlockOfCodeCompilesRunsAndFreesWhatItTook(string place)
    {
        long before = HakmemAllocator.Shared.GetStatistics().LiveBlocks;
        await BlockRun.OfAsync(BlockAt(place));
        Assert.Equal(before, HakmemAllocator.Shared.GetStatistics().LiveBlocks);
    }

    [Theory]
    [MemberData(nameof(Places), "json")]
    public void EveryBlockOfJsonCanBeParsed(string place)
    {
        using JsonDocument parsed = JsonDocument.Parse(BlockAt(place).Text);
        Assert.Equal(JsonValueKind.Object, parsed.RootElement.ValueKind);
    }

    [Theory]
    [MemberData(nameof(Places), "xml")]
    public void EveryBlockOfXmlCanBeParsed(string place) => Assert.NotNull(XDocument.Parse(BlockAt(place).Text).Root);

    [Fact]
    public void NoFenceIsOfALanguageThatIsNotTried() =>
        Assert.All(Documents.Blocks, block => Assert.True(s_languages.Contains(block.Language), $"{block.Place}: '{block.Language}'"));

    [Fact]
    public void NoCodeHidesInAFenceWithoutALabel() =>
        Assert.All(Documents.Blocks.Where(block => block.Language.Length == 0), block =>
            Assert.False(block.Text.Split('\n').Any(line => line.TrimEnd().EndsWith(';')), block.Place));

    [Fact]
    public void EveryPageForUsersHasCode() =>
        Assert.All(
            [
                "README.md", "docs/adapters.md", "docs/aspnetcore.md", "docs/buffers.md", "docs/migration.md",
                "docs/where-is-my-memory.md", "src/Hakmem.Arrow/README.md", "src/Hakmem.AspNetCore/README.md",
                "src/Hakmem.BenchmarkDotNet/README.md", "src/Hakmem.ImageSharp/README.md",
            ],
            page => Assert.Contains(Documents.Blocks, block => block.Document == page && block.Language == "csharp"));

    [Fact]
    public async Task ARottenBlockIsNamedWithItsLine()
    {
        string finding = await FindingOfAsync(Only("Text.\n\n```csharp\nusing Hakmem;\n\nHakmemAllocator.Shared.Trim();\nHakmemAllocator.Shared.TrimTwice();\n```\n"));
        Assert.StartsWith("page.md(7): CS1061 ", finding, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AUsingDirectiveOfANamespaceThatIsGoneIsNamedWithItsLine()
    {
        string finding = await FindingOfAsync(Only("```csharp\nusing System.Buffers;\nusing Hakmem.Gone;\n```\n"));
        Assert.Contains("page.md(3): CS0234 ", finding, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AWarningIsAFinding()
    {
        string finding = await FindingOfAsync(Only("```csharp\nint unused;\n```\n"));
        Assert.StartsWith("page.md(2): CS0168 ", finding, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ABlockThatFailsIsNamedWithItsLine()
    {
        CodeBlock block = Only("```csharp\nawait Task.Yield();\nthrow new TimeoutException();\n```\n");
        TimeoutException failure = await Assert.ThrowsAsync<TimeoutException>(() => BlockRun.OfAsync(block));
        Assert.Contains("page.md:line 3", failure.StackTrace, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AContextThatIsNotKnownIsAFinding()
    {
        string finding = await FindingOfAsync(Only("<!-- context: nowhere -->\n```csharp\n```\n"));
        Assert.Equal("page.md(2): there is no context named 'nowhere'.", finding);
    }

    [Fact]
    public void AFenceThatIsNeverClosedIsAFinding() =>
        Assert.StartsWith("page.md(2): ", Assert.Throws<InvalidDataException>(() => Only("Text.\n```csharp\n")).Message, StringComparison.Ordinal);

    private static async Task<string> FindingOfAsync(CodeBlock block) =>
        (await Assert.ThrowsAsync<InvalidDataException>(() => BlockRun.OfAsync(block))).Message;

    private static CodeBlock BlockAt(string place) => Documents.Blocks.Single(block => block.Place == place);

    private static CodeBlock Only(string page) => Assert.Single(Documents.BlocksOf("page.md", page));
}
