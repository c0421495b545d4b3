using System;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;
using Hakmem.Tests.Children;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit.MicrosoftTestingPlatform;

namespace Hakmem.Tests;

// Three ways in: a child process of a test (`child <scenario> [args]`), a server-mode run started by `dotnet test`, and the
// ordinary console run, whose last line is the count of what passed and failed.
internal static class Program
{
    private static Task<int> Main(string[] args)
    {
        if (Environment.GetEnvironmentVariable("HAKMEM_TEST_PAGE_BYTES") is not null ||
            Environment.GetEnvironmentVariable("HAKMEM_TEST_CHARGING") is not null)
        {
            UseOtherMemory();
        }

        if (args is ["child", var scenario, ..])
        {
            return Task.FromResult(ChildScenarios.Run(scenario, args[2..]));
        }

        if (args.Any(argument => argument is "--server" or "--internal-msbuild-node"))
        {
            return TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
        }

        return ConsoleTestRun.RunAsync(args);
    }

    // Apart, so that the library is not loaded where nobody asks for this.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void UseOtherMemory() => BigPages.UseForThisProcess();
}
