using System;

namespace Hakmem.Tests.Concurrency;

// What a model's thread, or its final check, found to be wrong.
internal sealed class ModelViolation(string message) : Exception(message);
