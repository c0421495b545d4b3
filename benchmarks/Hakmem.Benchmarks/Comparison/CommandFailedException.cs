using System;

namespace Hakmem.Benchmarks.Comparison;

/// <summary>
/// A command that a comparison needs, git's or a build, has failed; the message has what it printed last.
/// </summary>
internal sealed class CommandFailedException : Exception
{
    public CommandFailedException()
    {
    }

    public CommandFailedException(string message)
        : base(message)
    {
    }

    public CommandFailedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
