using System.Linq;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Xunit.MicrosoftTestingPlatform;

namespace Hakmem.Adapters.Tests;

// A server-mode run started by `dotnet test`, or the ordinary console run, whose last line is the count of what passed
// and failed.
internal static class Program
{
    private static Task<int> Main(string[] args) =>
        args.Any(argument => argument is "--server" or "--internal-msbuild-node")
        ? TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
        : ConsoleTestRun.RunAsync(args);
}
