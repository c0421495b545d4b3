using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>Runs of the study that were kept in a folder, from whatever machine: a file of JSON each.</summary>
internal static class KeptRuns
{
    private const string Pattern = "seed-*.json";

    /// <summary>Adds a run, and never replaces one.</summary>
    /// <param name="folder">The folder, which is made if there is none.</param>
    /// <param name="results">The run.</param>
    /// <returns>The file's path.</returns>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static string Add(DirectoryInfo folder, StudyResults results)
    {
        folder.Create();
        string time = results.Environment.Date.UtcDateTime.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
        string path = Path.Combine(folder.FullName, $"seed-{time}.json");
        using FileStream stream = new(path, FileMode.CreateNew);
        JsonSerializer.Serialize(stream, results, StudyJsonContext.Default.StudyResults);
        return path;
    }

    /// <summary>Reads all runs, the oldest first.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="InvalidDataException">There is no such folder, it has no run, or a file is not one.</exception>
    public static IReadOnlyList<StudyResults> Read(DirectoryInfo folder)
    {
        FileInfo[] files = folder.Exists ? folder.GetFiles(Pattern) : [];
        return files.Length == 0
            ? throw new InvalidDataException($"{folder.FullName} has no runs ({Pattern}).")
            : [.. files.Select(Read).OrderBy(results => results.Environment.Date)];
    }

    private static StudyResults Read(FileInfo file)
    {
        try
        {
            using FileStream stream = file.OpenRead();
            return JsonSerializer.Deserialize(stream, StudyJsonContext.Default.StudyResults)
                ?? throw new InvalidDataException($"{file.FullName} is empty.");
        }
        catch (JsonException notARun)
        {
            throw new InvalidDataException($"{file.FullName} is not a run of the study: {notARun.Message}", notARun);
        }
    }
}
