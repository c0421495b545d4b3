using System.Text.Json.Serialization;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// The serializers, generated at build time: a measuring process should not start reflection for one record.
/// </summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(StudyMeasurement))]
[JsonSerializable(typeof(StudyResults))]
internal sealed partial class StudyJsonContext : JsonSerializerContext;
