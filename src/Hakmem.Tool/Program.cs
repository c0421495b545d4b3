using System;
using System.CommandLine;
using System.Linq;
using System.Threading.Tasks;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Commands;
using Hakmem.Tool.Display;

namespace Hakmem.Tool;

// The tool `hakmem`. The exit code says what was wrong: ToolError.
internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        Console.SetOut(new OutputWriter(Console.Out));
        InvocationConfiguration configuration = new()
        {
            ProcessTerminationTimeout = TimeSpan.FromSeconds(10),
            EnableDefaultExceptionHandler = false,
        };
        try
        {
            ParseResult parsed = CreateRoot().Parse(args);
            int code = await parsed.InvokeAsync(configuration).ConfigureAwait(false);
            return parsed.Errors.Any() ? (int)ToolError.Usage : code;
        }
        catch (ToolException failure)
        {
            // The help could not be written.
            return CommandBase.Fail(failure.Error, failure.Message, isJson: false);
        }
        catch (Exception failure)
        {
            return CommandBase.Fail(failure, isJson: false);
        }
    }

    internal static RootCommand CreateRoot()
    {
        RootCommand root = new("Looks into a running process that uses Hakmem. Nothing has to be switched on in it.");
        root.Subcommands.Add(PsCommand.Create());
        root.Subcommands.Add(TopCommand.Create());
        root.Subcommands.Add(StatsCommand.Create());
        root.Subcommands.Add(MapCommand.Create());
        root.Subcommands.Add(ProfileCommand.Create());
        root.Subcommands.Add(LedgerCommand.Create());
        root.Subcommands.Add(LeaksCommand.Create());
        root.Subcommands.Add(TrimCommand.Create());
        return root;
    }
}
