using Hakmem.Tool.Attach;
using Xunit;

namespace Hakmem.Tool.Tests.Attach;

// What the command line and the mapped files of a process tell, of made data.
public sealed class TargetTests
{
    private const string CoreLibrary =
        "/usr/share/dotnet/shared/Microsoft.NETCore.App/10.0.0/System.Private.CoreLib.dll";

    [Theory]
    [InlineData("/app/Hakmem.dll")]
    [InlineData("/app/Hakmem.dll (deleted)")]
    [InlineData("/my app/Hakmem.dll")]
    public void AProcessHasTheLibraryThatItHasMapped(string path) =>
        Assert.True(Target.HasLibraryIn(["/app/Service"], [CoreLibrary, "/app/Service.dll", path]));

    [Theory]
    [InlineData("dotnet", "/app/Service.dll", "argument.dll")]
    [InlineData("/usr/bin/dotnet", "exec", "--depsfile", "x.json", "/app/Service.dll")]
    [InlineData("/app/Service")]
    [InlineData("./Service", "other.dll")]
    public void AProgramWhoseAssembliesAreFilesHasNotWhatItHasNotMapped(params string[] command)
    {
        Assert.False(Target.HasLibraryIn(command, [CoreLibrary, "/app/Service.dll"]));
        Assert.False(Target.HasLibraryIn(command, [CoreLibrary, "/app/Service.dll (deleted)", "/app/Hakmem.dll.bak"]));
    }

    [Fact]
    public void TheSdkHasNotTheLibrary() =>
        Assert.False(
            Target.HasLibraryIn(["dotnet", "watch"], [CoreLibrary, "/usr/share/dotnet/sdk/10.0.100/dotnet.dll"]));

    // One file that depends on the framework has the framework's assemblies mapped, and its own from that file.
    [Theory]
    [InlineData(CoreLibrary, "/app/Service")]
    [InlineData("/app/Service")]
    public void AProgramThatIsOneFileHasToBeAsked(params string[] mapped) =>
        Assert.Null(Target.HasLibraryIn(["/app/Service"], mapped));

    [Fact]
    public void AProcessWhoseFilesCannotBeReadHasToBeAsked()
    {
        Assert.Null(Target.HasLibraryIn([], []));
        Assert.Null(Target.HasLibraryIn(["/app/Service"], []));
        Assert.Null(Target.HasLibraryIn([], [CoreLibrary, "/app/Service.dll"]));
    }

    [Theory]
    [InlineData("Service.dll", "/usr/bin/dotnet", "/my app/Service.dll", "x")]
    [InlineData("Service.dll", "dotnet", "exec", "/app/Service.dll")]
    [InlineData("My Service", "/app/My Service", "x y")]
    [InlineData("watch", "dotnet", "watch")]
    [InlineData("dotnet", "dotnet")]
    public void TheNameIsThatOfTheProgram(string name, params string[] command) =>
        Assert.Equal(name, Target.NameOf(command));
}
