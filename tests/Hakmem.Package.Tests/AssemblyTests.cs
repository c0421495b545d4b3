using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Xunit;

namespace Hakmem.Package.Tests;

// Which processor and system each assembly of the packages is for. A runtime refuses an image that was compiled for
// another system (BadImageFormatException) rather than use the IL in it, and a compiler warns of a reference to another
// processor's (CS8012): so lib/ and ref/ have IL for any processor, and an image is only where NuGet gives it to none
// but its own system.
public sealed class AssemblyTests
{
    // What the header of an image has for its machine is the processor's number combined with the system's by exclusive
    // or. Windows has none.
    private const int Linux = 0x7B79;
    private const int Apple = 0x4644;
    private const int Windows = 0;

    // "RTR" in ASCII, with which the header of a ReadyToRun image begins.
    private const uint ReadyToRunSignature = 0x00525452;

    private static readonly string[] s_coreIl =
    [
        "lib/net10.0/Hakmem.dll", "lib/net8.0/Hakmem.dll", "lib/netstandard2.0/Hakmem.dll",
        "ref/net10.0/Hakmem.dll", "ref/net8.0/Hakmem.dll", "ref/netstandard2.0/Hakmem.dll",
    ];

    private static readonly string[] s_imageRuntimes = ["linux-arm64", "linux-x64", "osx-arm64", "win-x64"];

    // The packages that have images, each with the IL that these are made of.
    private static readonly Dictionary<string, string> s_imageIl = new()
    {
        [PackageFile.Core] = "lib/net10.0/Hakmem.dll",
        [PackageFile.AspNetCore] = "lib/net10.0/Hakmem.AspNetCore.dll",
    };

    // The other packages' IL.
    private static readonly Dictionary<string, string[]> s_others = new()
    {
        [PackageFile.AspNetCore] = ["lib/net10.0/Hakmem.AspNetCore.dll"],
        [PackageFile.Arrow] = ["lib/net10.0/Hakmem.Arrow.dll", "lib/net8.0/Hakmem.Arrow.dll"],
        [PackageFile.ImageSharp] = ["lib/net10.0/Hakmem.ImageSharp.dll", "lib/net8.0/Hakmem.ImageSharp.dll"],
        [PackageFile.BenchmarkDotNet] = ["lib/net10.0/Hakmem.BenchmarkDotNet.dll"],
    };

    public static TheoryData<string, string> IlPaths { get; } = PathsIn("");

    public static TheoryData<string, string> ImagePaths { get; } = Images();

    public static TheoryData<string, string> ReferencePaths { get; } = PathsIn("ref/");

    public static TheoryData<string, string> LibraryPaths { get; } = PathsIn("lib/");

    [Fact]
    public void AssembliesOfThePackagesAreTheseAndNoOthers()
    {
        Assert.Equal(
            [.. s_coreIl, .. ImagesOf(PackageFile.Core)], PackageFile.PathsEndingWith(PackageFile.Core, ".dll"));
        Assert.All(s_others, other => Assert.Equal(
            [.. other.Value, .. ImagesOf(other.Key)], PackageFile.PathsEndingWith(other.Key, ".dll")));
    }

    [Theory]
    [MemberData(nameof(IlPaths))]
    public void AssemblyInLibOrRefIsIlForAnyProcessor(string package, string path)
    {
        using PEReader reader = new(PackageFile.Read(package, path));
        CorHeader header = reader.PEHeaders.CorHeader!;
        Assert.Equal(Machine.I386, reader.PEHeaders.CoffHeader.Machine);
        Assert.Equal(PEMagic.PE32, reader.PEHeaders.PEHeader!.Magic);
        Assert.Equal(CorFlags.ILOnly, header.Flags & (CorFlags.ILOnly | CorFlags.Requires32Bit | CorFlags.Prefers32Bit));
        Assert.Equal(0, header.ManagedNativeHeaderDirectory.Size);
    }

    [Theory]
    [MemberData(nameof(ImagePaths))]
    public void AssemblyOfARuntimeIsAnImageForIt(string package, string path)
    {
        string[] target = path.Split('/')[1].Split('-');
        int system = target[0] switch { "linux" => Linux, "osx" => Apple, "win" => Windows, _ => -1 };
        Machine processor = target[1] switch { "x64" => Machine.Amd64, "arm64" => Machine.Arm64, _ => Machine.Unknown };
        using PEReader reader = new(PackageFile.Read(package, path));
        DirectoryEntry native = reader.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory;
        Assert.Equal((int)processor ^ system, (int)reader.PEHeaders.CoffHeader.Machine);
        Assert.NotEqual(0, native.Size);
        Assert.Equal(ReadyToRunSignature, reader.GetSectionData(native.RelativeVirtualAddress).GetReader().ReadUInt32());
    }

    // Were they of two compilations, an exception's line numbers would be wrong in one of them.
    [Theory]
    [MemberData(nameof(ImagePaths))]
    public void ImageAndTheIlItWasMadeOfAreOneCompilation(string package, string path)
    {
        using PEReader image = new(PackageFile.Read(package, path));
        using PEReader il = new(PackageFile.Read(package, s_imageIl[package]));
        Assert.Equal(ModuleOf(il), ModuleOf(image));
        Assert.Equal(SymbolsOf(il), SymbolsOf(image));
    }

    [Theory]
    [MemberData(nameof(ReferencePaths))]
    public void AssemblyInRefHasNoCode(string package, string path)
    {
        using PEReader reader = new(PackageFile.Read(package, path));
        MetadataReader metadata = reader.GetMetadataReader();
        Assert.Contains(metadata.GetAssemblyDefinition().GetCustomAttributes(), handle =>
            AttributeName(metadata, metadata.GetCustomAttribute(handle)) == "ReferenceAssemblyAttribute");
    }

    // Editors look for it beside what they compile against.
    [Theory]
    [MemberData(nameof(ReferencePaths))]
    [MemberData(nameof(LibraryPaths))]
    public void AssemblyCompiledAgainstHasItsDocumentation(string package, string path) =>
        Assert.Contains(PackageFile.PathsEndingWith(package, ".xml"), file => file == path[..^"dll".Length] + "xml");

    [Theory]
    [MemberData(nameof(LibraryPaths))]
    public void SymbolsOfAnAssemblyAreOfItsCompilation(string package, string path)
    {
        ImmutableArray<byte> symbols = PackageFile.ReadSymbols(package, path[..^"dll".Length] + "pdb");
        using MetadataReaderProvider provider = MetadataReaderProvider.FromPortablePdbImage(symbols);
        using PEReader assembly = new(PackageFile.Read(package, path));
        Assert.Equal(SymbolsOf(assembly), new BlobContentId(provider.GetMetadataReader().DebugMetadataHeader!.Id).Guid);
    }

    private static IEnumerable<string> ImagesOf(string package) => s_imageIl.TryGetValue(package, out string? il)
        ? s_imageRuntimes.Select(runtime => $"runtimes/{runtime}/{il}")
        : [];

    private static TheoryData<string, string> Images()
    {
        TheoryData<string, string> data = [];
        foreach (string package in s_imageIl.Keys)
        {
            foreach (string path in ImagesOf(package))
            {
                data.Add(package, path);
            }
        }

        return data;
    }

    private static TheoryData<string, string> PathsIn(string folder)
    {
        TheoryData<string, string> data = [];
        foreach (string path in s_coreIl.Where(path => path.StartsWith(folder, StringComparison.Ordinal)))
        {
            data.Add(PackageFile.Core, path);
        }

        foreach ((string package, string[] paths) in s_others)
        {
            foreach (string path in paths.Where(path => path.StartsWith(folder, StringComparison.Ordinal)))
            {
                data.Add(package, path);
            }
        }

        return data;
    }

    private static Guid ModuleOf(PEReader reader)
    {
        MetadataReader metadata = reader.GetMetadataReader();
        return metadata.GetGuid(metadata.GetModuleDefinition().Mvid);
    }

    private static Guid SymbolsOf(PEReader reader)
    {
        DebugDirectoryEntry entry = reader.ReadDebugDirectory().Single(candidate => candidate.Type == DebugDirectoryEntryType.CodeView);
        return reader.ReadCodeViewDebugDirectoryData(entry).Guid;
    }

    private static string AttributeName(MetadataReader metadata, CustomAttribute attribute)
    {
        MemberReference constructor = metadata.GetMemberReference((MemberReferenceHandle)attribute.Constructor);
        return metadata.GetString(metadata.GetTypeReference((TypeReferenceHandle)constructor.Parent).Name);
    }
}
