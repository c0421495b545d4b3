using System.Text.Json.Serialization;

namespace Hakmem.Benchmarks.Runner;

/// <summary>
/// The serializers, generated at build time: a measuring process prints one record and should not start reflection for it.
/// </summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Measurement))]
[JsonSerializable(typeof(ResultSet))]
internal sealed partial class ResultsJsonContext : JsonSerializerContext;
