using System.CommandLine;
using Hakmem.Scale.Model;

namespace Hakmem.Scale;

/// <summary>How Hakmem scales: docs/scaling.md. Without arguments the program explains itself.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments is [ModelProcess.Name])
        {
            return ModelProcess.RunOne();
        }

        RootCommand root = new("Shows how Hakmem scales with processors, on a machine with few or with many.")
        {
            ScaleCommand.CreateCounts(), ScaleCommand.CreateModel(), ScaleCommand.CreateAll(),
            ScaleCommand.CreateDraw(),
        };
        return root.Parse(arguments.Length == 0 ? ["--help"] : arguments).Invoke();
    }
}
