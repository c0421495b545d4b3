using System;
using System.IO;
using Hakmem.Benchmarks.Subjects;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Subjects;

public sealed unsafe class ManagedPortTests
{
    private const string Type = "Hakmem.Benchmarks.Tests.Subjects.ManagedPortTests+FakePort";

    private static string OwnFolder => AppContext.BaseDirectory;

    private static string OwnAssembly => typeof(ManagedPortTests).Assembly.GetName().Name!;

    [Fact]
    public void WithoutFolderSaysHowToNameIt()
    {
        ManagedPort port = new("Some.Port", "Some.Port.Calls", () => null);
        Assert.Contains("MIMALLOC_PORTS", port.HowToGet);
        Assert.Null(port.Version);
        Assert.Throws<InvalidOperationException>(() => port.Export("Allocate", typeof(nuint)));
    }

    [Fact]
    public void FolderWithoutAssemblyIsNamed()
    {
        ManagedPort port = new("Some.Port", "Some.Port.Calls", () => OwnFolder);
        Assert.Contains("has no Some.Port.dll", port.HowToGet);
    }

    [Fact]
    public void AssemblyWithoutClassIsNamed()
    {
        ManagedPort port = new(OwnAssembly, "Some.Port.Calls", () => OwnFolder);
        Assert.Contains("has no class Some.Port.Calls", port.HowToGet);
    }

    [Fact]
    public void FileThatIsNoAssemblyIsNamed()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory();
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "Some.Port.dll"), "not an assembly");
            ManagedPort port = new("Some.Port", "Some.Port.Calls", () => folder.FullName);
            Assert.Contains("cannot be loaded", port.HowToGet);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void ExportedFunctionsAreCalled()
    {
        ManagedPort port = new(OwnAssembly, Type, () => OwnFolder);
        Assert.Null(port.HowToGet);
        Assert.NotNull(port.Version);
        var malloc = (delegate*<nuint, void*>)port.Export("Allocate", typeof(nuint));
        Assert.Equal((nint)43, (nint)malloc(42));
        Assert.Throws<InvalidOperationException>(() => port.Export("Allocate", typeof(int)));
    }

    // What a port's class looks like.
    public static class FakePort
    {
        public static void* Allocate(nuint byteCount) => (void*)(byteCount + 1);
    }
}
