using System;
using System.Runtime.CompilerServices;
using Hakmem.Pages;
using Hakmem.Tests.Callbacks;

namespace Hakmem.Tests.Children;

// What a child process can be told to do. Each scenario prints its figures to standard output for the test that started it, and
// fails by an unhandled exception, which gives the process a non-zero exit code.
internal static class ChildScenarios
{
    public const string ResidentSet = "resident-set";
    public const string SmallAddressSpace = "small-address-space";
    public const string Decay = "decay";
    public const string RaceToTheLimit = "race-to-the-limit";
    public const string MemoryGroup = "memory-group";
    public const string Settings = "settings";
    public const string Misuse = "misuse";
    public const string TooManyHeaps = "too-many-heaps";
    public const string SharedInitialisation = "shared-initialisation";
    public const string UnsupportedSystem = "unsupported-system";
    public const string FallbackProcess = "fallback-process";
    public const string LoadedOnly = "loaded-only";
    public const string CollectibleContexts = "collectible-contexts";
    public const string NoMappingsLeft = "no-mappings-left";
    public const string Events = "events";
    public const string CallbackMisuse = "callback-misuse";
    public const string SqliteCallbacks = "sqlite-callbacks";
    public const string SampleDeepInRecursion = "sample-deep-in-recursion";
    public const string Report = "report";
    public const string SamplingListener = "sampling-listener";
    public const string ManyProcessors = "many-processors";

    public static int Run(string name, string[] args)
    {
        if (name == LoadedOnly)
        {
            LoadedOnlyScenario.Run();
            return 0;
        }

        return RunWithLibrary(name, args);
    }

    // Apart, since compiling this loads what the scenarios use.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int RunWithLibrary(string name, string[] args)
    {
        switch (name)
        {
            case ResidentSet:
                ResidentSetScenario.Run(args);
                return 0;
            case Decay:
                DecayScenario.Run();
                return 0;
            case SamplingListener:
                SamplingListenerScenario.Run(args);
                return 0;
            case ManyProcessors:
                ManyProcessorsScenario.Run();
                return 0;
            case RaceToTheLimit:
                RaceToTheLimitScenario.Run();
                return 0;
            case MemoryGroup:
                MemoryGroupScenario.Run();
                return 0;
            case SmallAddressSpace:
                SmallAddressSpaceScenario.Run();
                return 0;
            case SharedInitialisation:
                SharedInitialisationScenario.Run();
                return 0;
            case Settings:
                SettingsScenario.Run(args);
                return 0;
            case Misuse:
                MisuseScenario.Run(args);
                return 0;
            case UnsupportedSystem:
                UnsupportedSystemScenario.Run(args);
                return 0;
            case FallbackProcess:
                FallbackProcessScenario.Run(args);
                return 0;
            case CollectibleContexts:
                CollectibleContextsScenario.Run(args);
                return 0;
            case NoMappingsLeft:
                NoMappingsLeftScenario.Run();
                return 0;
            case Events:
                EventsScenario.Run(args);
                return 0;
            case CallbackMisuse:
                FreeTwiceByCallback();
                return 0;
            case SampleDeepInRecursion:
                DeepRecursionScenario.Run(args);
                return 0;
            case SqliteCallbacks:
                Sqlite.Run();
                return 0;
            case Report:
                ReportScenario.Run(args);
                return 0;
            case TooManyHeaps:
                TooManyHeapsScenario.Run();
                return 0;
            default:
                Console.Error.WriteLine($"There is no child scenario '{name}'.");
                return 2;
        }
    }

    private static unsafe void FreeTwiceByCallback()
    {
        void* block = HakmemCallbacks.Malloc(100);
        HakmemCallbacks.Free(block);
        HakmemCallbacks.Free(block);
    }
}
