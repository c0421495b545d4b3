using System.Text.Json.Serialization;

namespace Hakmem.Benchmarks.Seed;

/// <summary>The serializers, generated at build time: a measuring process should not start reflection for one record.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(SeedMeasurement))]
[JsonSerializable(typeof(SeedResults))]
internal sealed partial class SeedJsonContext : JsonSerializerContext;
