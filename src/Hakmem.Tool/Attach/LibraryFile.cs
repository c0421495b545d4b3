using System;
using System.IO;
using System.Linq;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Hakmem.Tool.Attach;

// What the file of the library that a process has loaded says of itself.
internal static class LibraryFile
{
    public const string Name = "Hakmem.dll";

    // The version of the library, and whether it answers requests: older ones have no such class. Null if the file
    // cannot be read, as when it was replaced since.
    public static (Version Version, bool AnswersRequests)? TryRead(string path)
    {
        try
        {
            using PEReader file = new(File.OpenRead(path));
            MetadataReader metadata = file.GetMetadataReader();
            bool answers = metadata.TypeDefinitions
                .Select(metadata.GetTypeDefinition)
                .Any(type => metadata.StringComparer.Equals(type.Name, "EventRequests") &&
                    metadata.StringComparer.Equals(type.Namespace, "Hakmem.Events"));
            return (metadata.GetAssemblyDefinition().Version, answers);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or BadImageFormatException
            or InvalidOperationException)
        {
            return null;
        }
    }
}
