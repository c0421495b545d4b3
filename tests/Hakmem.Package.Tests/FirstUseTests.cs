using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using Microsoft.Diagnostics.Tracing;
using Xunit;

namespace Hakmem.Package.Tests;

// What a process pays for its first block is mostly the runtime's own time: it loads each type and binds each method
// that is used. So a first use must not come by those of what is not in use, for which a field, a base class or a
// method of many branches is enough. The figures are those of the native image that the package has for this system.
public sealed class FirstUseTests
{
    // Loaded assemblies, loaded types with their names, and methods of native images as they are bound.
    private const string Events = "Microsoft-Windows-DotNETRuntime:0xA000000008:5";

    private static readonly TimeSpan s_hang = TimeSpan.FromMinutes(1);

    // A little more than there are. A feature whose parts come with the first block although nobody uses it is more.
    private const int MostTypes = 93;
    private const int MostMethods = 200;

    // Of the framework, for threads, locks and calls of the system. One more takes a tenth of the time or more, even if
    // it only forwards its types, as that of vectors does.
    private static readonly HashSet<string> s_assemblies =
        ["System.Runtime.InteropServices", "System.Threading", "System.Threading.Thread"];

    // How the names of types begin that a first block has no use for: namespaces, public types, other systems' classes.
    private static readonly string[] s_unused =
    [
        "Hakmem.Fallback.", "Hakmem.Inspection.", "Hakmem.Metrics.", "Hakmem.Pooling.", "Hakmem.Regions.",
        "Hakmem.Reports.", "Hakmem.Tags.",
        "Hakmem.HakmemMetrics", "Hakmem.HakmemOptions", "Hakmem.HakmemProfiler", "Hakmem.MemoryRegion",
        "Hakmem.MemoryTag", "Hakmem.Native",
        "Hakmem.Os.Mac", "Hakmem.Os.Windows",
    ];

    private static string Image => RuntimeInformation.ProcessArchitecture == Architecture.Arm64
        ? "runtimes/linux-arm64/lib/net10.0/Hakmem.dll"
        : "runtimes/linux-x64/lib/net10.0/Hakmem.dll";

    [Fact]
    public void FirstBlockLoadsOnlyWhatItUses()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The limits and names are those of Linux.");
        string directory = Directory.CreateTempSubdirectory("hakmem-first-use-").FullName;
        try
        {
            (HashSet<string> types, HashSet<string> methods, HashSet<string> assemblies) = Trace(directory);
            Assert.Contains("Hakmem.HakmemAllocator", types);
            Assert.DoesNotContain(
                types, type => s_unused.Any(start => type.StartsWith(start, StringComparison.Ordinal)));
            Assert.True(types.Count <= MostTypes, $"{types.Count} types were loaded: {List(types)}.");
            Assert.Subset(s_assemblies, assemblies);
            Assert.NotEmpty(methods);
            Assert.True(methods.Count <= MostMethods, $"{methods.Count} methods were bound: {List(methods)}.");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static (HashSet<string> Types, HashSet<string> Methods, HashSet<string> Assemblies) Trace(string directory)
    {
        string library = Path.Combine(directory, "Hakmem.dll");
        File.WriteAllBytes(library, PackageFile.Read(PackageFile.Core, Image).ToArray());
        string file = Path.Combine(directory, "events.nettrace");
        ProcessStartInfo start = new("dotnet", [typeof(FirstUse).Assembly.Location, FirstUse.Command, library]);
        start.Environment["DOTNET_EnableEventPipe"] = "1";
        start.Environment["DOTNET_EventPipeConfig"] = Events;
        start.Environment["DOTNET_EventPipeOutputPath"] = file;
        using (Process process = Process.Start(start)!)
        {
            if (!process.WaitForExit(s_hang))
            {
                process.Kill();
                Assert.Fail($"The program did not end within {s_hang}.");
            }

            Assert.Equal(0, process.ExitCode);
        }

        HashSet<string> types = [];
        HashSet<string> methods = [];
        HashSet<string> assemblies = [];
        bool isLoaded = false;
        using EventPipeEventSource trace = new(file);
        trace.Clr.TypeLoadStop += load => AddIfOfLibrary(types, load.TypeName);
        trace.Clr.MethodR2RGetEntryPoint += bound =>
            AddIfOfLibrary(methods, $"{bound.MethodNamespace}.{bound.MethodName} {bound.MethodSignature}");
        trace.Clr.LoaderAssemblyLoad += load =>
        {
            string name = load.FullyQualifiedAssemblyName.Split(',')[0];
            if (isLoaded)
            {
                assemblies.Add(name);
            }

            isLoaded |= name == "Hakmem";
        };
        trace.Process();
        return (types, methods, assemblies);
    }

    // Not those of this program.
    private static void AddIfOfLibrary(HashSet<string> names, string name)
    {
        if (name.StartsWith("Hakmem.", StringComparison.Ordinal) &&
            !name.StartsWith("Hakmem.Package.", StringComparison.Ordinal) &&
            !name.StartsWith("Hakmem.Tests.", StringComparison.Ordinal))
        {
            names.Add(name);
        }
    }

    private static string List(HashSet<string> names) => string.Join(", ", names.Order(StringComparer.Ordinal));
}
