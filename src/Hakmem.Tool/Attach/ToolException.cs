using System;

namespace Hakmem.Tool.Attach;

// Why a command cannot do what it was asked for. The number is the exit code of the tool; docs/tool.md lists them.
internal enum ToolError
{
    Unexpected = 1,
    Usage = 2,
    NoSuchProcess = 3,
    NoDiagnostics = 4,
    NoHakmem = 5,
    OtherUser = 6,
    OtherVersion = 7,
    ProcessEnded = 8,
    Refused = 9,
    NoAnswer = 10,
    File = 11,
    Cancelled = 130,
}

internal sealed class ToolException(ToolError error, string message) : Exception(message)
{
    // The code of a process's refusal, for one whose client it cannot see: src/Hakmem/Events/EventRequest.cs.
    public const string ClientUnseen = "client-unseen";

    public ToolError Error => error;

    // What a process that refuses gave as the reason; empty for other errors.
    public string Refusal { get; init; } = "";
}
