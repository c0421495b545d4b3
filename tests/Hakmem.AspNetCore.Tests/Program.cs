using System.Linq;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Tests.Hosting;
using Hakmem.Tests.Support;
using Xunit.MicrosoftTestingPlatform;

namespace Hakmem.AspNetCore.Tests;

// Three ways in: a child process of a test (`child late-request`, `child wrong-variable`), a server-mode run started by
// `dotnet test`, and the ordinary console run, whose last line is the count of what passed and failed.
internal static class Program
{
    private static Task<int> Main(string[] args) =>
        args is ["child", LateRequestService.Name] ? LateRequestService.RunAsync()
            : args is ["child", WrongVariableService.Name, .. string[] rest] ? WrongVariableService.RunAsync(rest)
            : args.Any(argument => argument is "--server" or "--internal-msbuild-node")
            ? TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
            : ConsoleTestRun.RunAsync(args);
}
