using System;

namespace Hakmem.Benchmarks.Soak;

/// <summary>Something that must not be: a block that changed, figures that do not agree, memory that grows.</summary>
internal sealed class SoakFailedException(string message) : Exception(message);
