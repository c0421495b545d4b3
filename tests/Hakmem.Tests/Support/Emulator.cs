using System;

namespace Hakmem.Tests.Support;

// The emulator of another processor that runs this program, if one does. The kernel below it is another processor's, and knows nothing of the
// program's pages.
internal static class Emulator
{
    // Its command, which child processes are started with too.
    public const string Variable = "HAKMEM_TEST_EMULATOR";

    public static string[] Command { get; } =
        (Environment.GetEnvironmentVariable(Variable) ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);

    public static bool IsInUse => Command.Length > 0;
}
