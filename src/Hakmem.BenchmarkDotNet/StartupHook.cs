using System;
using Hakmem.Diagnosing;

// What .NET runs before a program's Main if DOTNET_STARTUP_HOOKS names this assembly: see HakmemDiagnoser. The name and
// the lack of a namespace are prescribed.
#pragma warning disable CA1050 // Declare types in namespaces
internal static class StartupHook
#pragma warning restore CA1050
{
    public static void Initialize()
    {
        // For this process alone, not for those that it starts.
        string? file = Environment.GetEnvironmentVariable(UsageFile.Variable);
        Environment.SetEnvironmentVariable(UsageFile.Variable, null);
        if (!string.IsNullOrEmpty(file))
        {
            UsageRecorder recorder = new();
            AppDomain.CurrentDomain.ProcessExit += (_, _) => UsageFile.Write(file, recorder.Finish());
        }
    }
}
