using System.Text.Json.Serialization;
using Hakmem.AspNetCore.Benchmarks.IdleConnections;
using Hakmem.AspNetCore.Benchmarks.Kestrel;
using Hakmem.AspNetCore.Benchmarks.Pauses;

namespace Hakmem.AspNetCore.Benchmarks.Runner;

/// <summary>What measuring processes print.</summary>
[JsonSerializable(typeof(IdleFigures))]
[JsonSerializable(typeof(KestrelFigures))]
[JsonSerializable(typeof(PauseFigures))]
internal sealed partial class FiguresJsonContext : JsonSerializerContext;
