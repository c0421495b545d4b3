using System;
using System.Globalization;
using Hakmem.Os;
using Hakmem.Tests.Os;

namespace Hakmem.Tests.Children;

// What a program is told at its first use of Hakmem on a system that is described: prints the exception and its cause.
internal static class UnsupportedSystemScenario
{
    public const string OtherSystem = "other-system";
    public const string ThirtyTwoBits = "32-bit";

    public static void Run(string[] args)
    {
        OsMemory.Decorator = real => args[0] switch
        {
            OtherSystem => OsMemory.CreateFor(isLinux: false, pointerBytes: 8),
            ThirtyTwoBits => OsMemory.CreateFor(isLinux: true, pointerBytes: 4),
            _ => new BigPages(real, nuint.Parse(args[0], CultureInfo.InvariantCulture)),
        };
        Print("shared", () => HakmemAllocator.Shared.Trim());
        Print("isolated", () => new HakmemAllocator().Dispose());
        Print("pool", () => NativeMemoryPool.Shared.Rent(100).Dispose());
    }

    private static void Print(string use, Action body)
    {
        try
        {
            body();
            Console.WriteLine($"{use}: works");
        }
        catch (TypeInitializationException refusal)
        {
            Exception cause = refusal.GetBaseException();
            Console.WriteLine($"{use}: {cause.GetType().Name}: {cause.Message}");
        }
    }
}
