using System.Linq;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Xunit.MicrosoftTestingPlatform;

namespace Hakmem.Package.Tests;

// A server-mode run started by `dotnet test`, or the ordinary console run, whose last line is the count of what passed
// and failed. Or a child of one of the tests.
internal static class Program
{
    private static Task<int> Main(string[] args) => args is [FirstUse.Command, string path]
        ? Task.FromResult(FirstUse.Run(path))
        : args.Any(argument => argument is "--server" or "--internal-msbuild-node")
        ? TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
        : ConsoleTestRun.RunAsync(args);
}
