using System.IO;
using Microsoft.IO;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>Microsoft.IO.RecyclableMemoryStream: chunks of pooled arrays, from one manager as its documentation has it.</summary>
internal static class RecyclableStreams
{
    private static readonly RecyclableMemoryStreamManager s_manager = new();

    /// <summary>Makes an empty stream.</summary>
    public static Stream Create() => s_manager.GetStream();
}
