using System;
using System.Linq;
using System.Threading.Tasks;
using Hakmem.Documentation.Tests.Blocks;
using Hakmem.Tests.Support;
using Xunit.MicrosoftTestingPlatform;

namespace Hakmem.Documentation.Tests;

// Three ways in: `blocks DIRECTORY` writes the documents' code as the sources of a program, for a project that has Hakmem from its
// package; a server-mode run started by `dotnet test`; and the ordinary console run, whose last line is the count of what passed and
// failed.
internal static class Program
{
    private static Task<int> Main(string[] args)
    {
        if (args is ["blocks", var directory])
        {
            Console.WriteLine($"{BlockProgram.WriteTo(directory)} code blocks written.");
            return Task.FromResult(0);
        }

        return args.Any(argument => argument is "--server" or "--internal-msbuild-node")
            ? TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
            : ConsoleTestRun.RunAsync(args);
    }
}
