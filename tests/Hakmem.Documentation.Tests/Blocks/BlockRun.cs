using System;
using System.IO;
using System.Runtime.Loader;
using System.Threading.Tasks;

namespace Hakmem.Documentation.Tests.Blocks;

// Runs a block in this process, out of a load context that is unloaded afterwards.
internal static class BlockRun
{
    // What a service that a block makes is told: a port of its own, and to be quiet.
    public static readonly string[] Arguments = ["--urls", "http://127.0.0.1:0", "--Logging:LogLevel:Default", "None"];

    public static async Task OfAsync(CodeBlock block)
    {
        (MemoryStream assembly, MemoryStream symbols) = BlockCompiler.Compile(block);
        AssemblyLoadContext context = new(block.Place, isCollectible: true);
        try
        {
            Type type = context.LoadFromStream(assembly, symbols).GetType($"{BlockSource.Namespace}.{BlockSource.ClassOf(block)}", throwOnError: true)!;
            await type.GetMethod("RunAsync")!.CreateDelegate<Func<string[], Task>>()(Arguments);
        }
        finally
        {
            context.Unload();
        }
    }
}
