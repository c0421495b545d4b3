using System.CommandLine;
using System.Threading.Tasks;
using Hakmem.AspNetCore.Benchmarks.IdleConnections;
using Hakmem.AspNetCore.Benchmarks.Kestrel;
using Hakmem.AspNetCore.Benchmarks.Pauses;

namespace Hakmem.AspNetCore.Benchmarks;

/// <summary>The benchmark program; without arguments it explains itself.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        // The measuring processes. Parsed by hand: a command-line parser there would be memory that the figures then count.
        if (arguments is [KestrelRun.Name, ..])
        {
            return await KestrelRun.RunAsync(arguments);
        }

        if (arguments is [IdleServer.Name, ..])
        {
            return await IdleServer.RunAsync(arguments);
        }

        if (arguments is [PauseRun.Name, ..])
        {
            return PauseRun.Run(arguments);
        }

        RootCommand root = new("Benchmarks of Hakmem in a web service.") { KestrelCommand.Create(), IdleCommand.Create(), PausesCommand.Create() };
        return await root.Parse(arguments.Length == 0 ? ["--help"] : arguments).InvokeAsync();
    }
}
