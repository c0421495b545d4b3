using System;
using System.Text;
using Xunit;

namespace Hakmem.Package.Tests;

// The package of the tool, as `dotnet tool install` takes it.
public sealed class ToolTests
{
    private const string Folder = "tools/net10.0/any/";

    [Fact]
    public void ToolPackageNamesItsCommandAndProgram()
    {
        string settings = Encoding.UTF8.GetString(
            PackageFile.Read(PackageFile.Tool, Folder + "DotnetToolSettings.xml").AsSpan());
        Assert.Contains("Name=\"hakmem\"", settings, StringComparison.Ordinal);
        Assert.Contains("EntryPoint=\"Hakmem.Tool.dll\"", settings, StringComparison.Ordinal);
    }

    // It brings the library that it reads profiles with, and needs no package beside it.
    [Fact]
    public void ToolPackageHasAllThatItRuns()
    {
        string[] files = PackageFile.PathsEndingWith(PackageFile.Tool, ".dll");
        Assert.Contains(Folder + "Hakmem.Tool.dll", files);
        Assert.Contains(Folder + "Hakmem.dll", files);
        Assert.All(files, file => Assert.StartsWith(Folder, file, StringComparison.Ordinal));
    }
}
