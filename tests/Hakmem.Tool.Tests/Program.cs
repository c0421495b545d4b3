using System.Linq;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Hakmem.Tool.Tests.Children;
using Hakmem.Tool.Tests.Trial;
using Xunit.MicrosoftTestingPlatform;

namespace Hakmem.Tool.Tests;

// Four ways in: a child process that a test looks into (`child NAME`), the trial of the seeded programs, whose table
// the documents have (`trial`), a server-mode run started by `dotnet test`, and the ordinary console run, whose last
// line is the count of what passed and failed.
internal static class Program
{
    private static Task<int> Main(string[] args) => args switch
    {
        ["child", var name, ..] => TargetPrograms.RunAsync(name),
        ["trial"] => SeededTrial.PrintAsync(),
        _ when args.Any(argument => argument is "--server" or "--internal-msbuild-node") =>
            TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions),
        _ => ConsoleTestRun.RunAsync(args),
    };
}
