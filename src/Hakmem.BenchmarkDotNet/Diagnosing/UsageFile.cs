using System;
using System.IO;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hakmem.Diagnosing;

// How a benchmark's process tells the diagnoser what it found.
internal static class UsageFile
{
    // The environment variable with the file's name.
    public const string Variable = "HAKMEM_BENCHMARK_USAGE_FILE";

    public static void Write(string file, NativeUsage usage)
    {
        // Whole or not there.
        string part = file + ".part";
        File.WriteAllText(part, JsonSerializer.Serialize(usage, UsageJson.Default.NativeUsage));
        File.Move(part, file);
    }

    public static NativeUsage Read(string file)
    {
        if (!File.Exists(file))
        {
            return new NativeUsage
            {
                Failure = "Its process ended without writing any: it failed, or its runtime has no startup hooks.",
            };
        }

        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(file), UsageJson.Default.NativeUsage)!;
        }
        catch (Exception exception) when (exception is IOException or JsonException or UnauthorizedAccessException)
        {
            return new NativeUsage { Failure = $"The figures of its process cannot be read: {exception.Message}" };
        }
    }
}

[JsonSerializable(typeof(NativeUsage))]
internal sealed partial class UsageJson : JsonSerializerContext;
