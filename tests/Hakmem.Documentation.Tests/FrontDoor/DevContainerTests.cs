using System;
using System.IO;
using System.Text.Json;
using Hakmem.Tests.Architecture;
using Xunit;

namespace Hakmem.Documentation.Tests.FrontDoor;

// The dev container has the SDK that global.json names, and restores what there is.
public sealed class DevContainerTests
{
    [Fact]
    public void ImageHasTheSdkOfTheRepository()
    {
        using JsonDocument container = Read(".devcontainer/devcontainer.json");
        using JsonDocument global = Read("global.json");
        Version sdk = Version.Parse(global.RootElement.GetProperty("sdk").GetProperty("version").GetString()!);
        string image = container.RootElement.GetProperty("image").GetString()!;
        Assert.EndsWith($"/dotnet/sdk:{sdk.ToString(2)}", image, StringComparison.Ordinal);
    }

    [Fact]
    public void CommandAfterCreationRestoresTheSolution()
    {
        using JsonDocument container = Read(".devcontainer/devcontainer.json");
        string[] words = container.RootElement.GetProperty("postCreateCommand").GetString()!.Split(' ');
        Assert.Equal(["dotnet", "restore"], words[..2]);
        Assert.True(File.Exists(Path.Combine(SourceTree.Root, words[2])), words[2]);
    }

    private static JsonDocument Read(string path) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(SourceTree.Root, path)));
}
