using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace Hakmem.Tests.Architecture;

// Each folder is a layer, and a layer uses only those below it.
public sealed partial class LayerTests
{
    // Bottom to top. Hakmem itself is the public surface, which lies on top of all of them.
    private static readonly string[] s_layers =
    [
        "Compat", "Os", "Events", "Records", "Pages", "Small", "Large", "Profiling", "Guarded", "Reclaim", "Heaps",
        "Fallback", "Api", "Pooling", "Tags", "Buffers", "Regions", "Metrics", "Reports",
        "Inspection",
    ];

    private static readonly string s_forTheCompiler = Path.Combine(SourceTree.Library, "Compat", "Compiler");

    // Plain values of the public surface that lower layers may know: settings, and what callers are told.
    private static readonly string[] s_publicValues =
    [
        "HakmemOptions", "HeapLimits", "PrefaultMode", "LazyZeroMode", "HugePageMode", "HardeningLevel",
        "HakmemStatistics", "SizeClassStatistics", "TagStatistics", "HakmemCorruptionException",
        "HakmemVerification", "HakmemHeapMap", "SuperSlabInfo", "SuperSlabKind", "UnitInfo", "UnitKind",
        "HeapProfile", "HeapProfileSample", "HeapProfileValue",
    ];

    [Fact]
    public void EveryFolderIsALayer()
    {
        IEnumerable<string> folders = SourceTree.FilesBelow(SourceTree.Library)
            .Select(file => Path.GetRelativePath(SourceTree.Library, file).Split(Path.DirectorySeparatorChar))
            .Where(parts => parts.Length > 1)
            .Select(parts => parts[0])
            .Distinct();
        Assert.Empty(folders.Except(s_layers));
    }

    [Fact]
    public void NoFileUsesALayerAboveItsOwn()
    {
        List<string> upward = [];
        foreach (string file in SourceTree.FilesBelow(SourceTree.Library))
        {
            string name = Path.GetRelativePath(SourceTree.Library, file);
            int own = Array.IndexOf(s_layers, name.Split(Path.DirectorySeparatorChar)[0]);
            foreach (Match use in LayerName().Matches(File.ReadAllText(file)))
            {
                int used = Array.IndexOf(s_layers, use.Groups[1].Value);
                if (own >= 0 && used > own)
                {
                    upward.Add($"{name}: {use.Value}");
                }
            }
        }

        Assert.Empty(upward);
    }

    [Fact]
    public void NoTypeHasAMemberOfALayerAboveItsOwn()
    {
        List<string> upward = [];
        foreach (Type type in typeof(HakmemAllocator).Assembly.GetTypes())
        {
            int own = LayerOf(type);
            foreach (Type used in own < 0 ? [] : UsedBy(type))
            {
                bool isPublicSurface = used.Namespace == "Hakmem" && !s_publicValues.Contains(used.Name);
                if (LayerOf(used) > own || (isPublicSurface && own < Array.IndexOf(s_layers, "Api")))
                {
                    upward.Add($"{type.FullName} uses {used.FullName}");
                }
            }
        }

        Assert.Empty(upward);
    }

    [Fact]
    public void ATypesNamespaceIsItsFoldersUnlessItIsPublic()
    {
        // Buffers is the public surface throughout, its helpers included.
        foreach (string file in s_layers.Except(["Buffers"]).SelectMany(layer => SourceTree.FilesBelow(Path.Combine(SourceTree.Library, layer))))
        {
            string folder = Path.GetFileName(Path.GetDirectoryName(file)!);
            string text = File.ReadAllText(file);
            Match space = NamespaceLine().Match(text);
            bool isPublic = PublicType().IsMatch(text);
            string expected = isPublic ? "Hakmem" : "Hakmem." + folder;
            Assert.True(
                !space.Success || Path.GetDirectoryName(file) == s_forTheCompiler || space.Groups[1].Value == expected,
                $"{Path.GetFileName(file)} is in {space.Groups[1].Value}, not in {expected}.");
        }
    }

    // What is in Compat/Compiler has the names under which the compiler looks for it, and is out of sight of other assemblies, where the
    // framework may have types of these names.
    [Fact]
    public void WhatOnlyTheCompilerAsksForIsInItsNamespacesAndEmbedded()
    {
        string[] files = [.. SourceTree.FilesBelow(s_forTheCompiler)];
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            string text = File.ReadAllText(file);
            string space = NamespaceLine().Match(text).Groups[1].Value;
            Assert.True(
                space is "System" or "Microsoft.CodeAnalysis" || space.StartsWith("System.", StringComparison.Ordinal),
                $"{Path.GetFileName(file)} is in {space}.");
            int types = InternalType().Count(text);
            int embedded = text.Split("\n[Embedded]\n", StringSplitOptions.None).Length - 1;
            Assert.True(
                types > 0 && embedded == types && !PublicType().IsMatch(text),
                $"{Path.GetFileName(file)} has a type that other assemblies can see.");
        }
    }

    private static int LayerOf(Type type)
    {
        string[] parts = (type.Namespace ?? "").Split('.');
        return parts is ["Hakmem", var layer, ..] ? Array.IndexOf(s_layers, layer) : -1;
    }

    // The types of fields, and of the results, parameters and locals of methods.
    private static IEnumerable<Type> UsedBy(Type type)
    {
        const BindingFlags Own =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        IEnumerable<Type> fields = type.GetFields(Own).Select(field => field.FieldType);
        IEnumerable<MethodBase> methods = type.GetMethods(Own).Concat<MethodBase>(type.GetConstructors(Own));
        IEnumerable<Type> inMethods = methods.SelectMany(method =>
            method.GetParameters().Select(parameter => parameter.ParameterType)
                .Concat(method.GetMethodBody()?.LocalVariables.Select(local => local.LocalType) ?? [])
                .Append((method as MethodInfo)?.ReturnType ?? typeof(void)));
        return fields.Concat(inMethods).Concat(type.BaseType is null ? [] : [type.BaseType]).Select(Bare).Distinct();
    }

    private static Type Bare(Type type) => type.HasElementType ? Bare(type.GetElementType()!) : type;

    [GeneratedRegex(@"\bHakmem\.([A-Z]\w+)(?=[.;])")]
    private static partial Regex LayerName();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"^public ", RegexOptions.Multiline)]
    private static partial Regex PublicType();

    [GeneratedRegex(@"^internal ", RegexOptions.Multiline)]
    private static partial Regex InternalType();
}
