using System.Collections.Generic;
using System.Text.Json.Serialization;

namespace Hakmem.Benchmarks.Latency;

/// <summary>The latency report's serializers, generated at build time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(List<LatencyRow>))]
[JsonSerializable(typeof(LatencyResults))]
internal sealed partial class LatencyJsonContext : JsonSerializerContext;
