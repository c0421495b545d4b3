using System;

namespace Hakmem.Benchmarks.Runner;

/// <summary>A measuring process gave no result; the message is for the row.</summary>
internal sealed class MeasuringFailedException : Exception
{
    public MeasuringFailedException()
    {
    }

    public MeasuringFailedException(string message)
        : base(message)
    {
    }

    public MeasuringFailedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
