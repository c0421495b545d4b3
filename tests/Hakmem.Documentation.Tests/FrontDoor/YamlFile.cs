using System.Collections.Generic;
using System.IO;
using System.Linq;
using Hakmem.Tests.Architecture;
using YamlDotNet.RepresentationModel;

namespace Hakmem.Documentation.Tests.FrontDoor;

// The repository's YAML files and what is in them. All scalars are strings.
internal static class YamlFile
{
    // Paths from the repository's root.
    public static IEnumerable<string> Below(string folder) =>
        Directory.EnumerateFiles(Path.Combine(SourceTree.Root, folder), "*.yml", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(SourceTree.Root, file)).Order(System.StringComparer.Ordinal);

    // The file's only document. Throws YamlException for text that is no YAML, a key that is there twice included.
    public static YamlMappingNode Read(string path)
    {
        using StreamReader reader = File.OpenText(Path.Combine(SourceTree.Root, path));
        YamlStream stream = [];
        stream.Load(reader);
        return (YamlMappingNode)stream.Documents.Single().RootNode;
    }

    public static YamlNode? Find(this YamlNode node, string key) =>
        node is YamlMappingNode mapping && mapping.Children.TryGetValue(key, out YamlNode? value) ? value : null;

    public static string? Text(this YamlNode node, string key) => (node.Find(key) as YamlScalarNode)?.Value;

    public static IEnumerable<YamlNode> Items(this YamlNode node, string key) =>
        (node.Find(key) as YamlSequenceNode)?.Children ?? [];

    public static IEnumerable<string> Keys(this YamlNode node) =>
        ((YamlMappingNode)node).Children.Keys.Select(key => ((YamlScalarNode)key).Value!);
}
