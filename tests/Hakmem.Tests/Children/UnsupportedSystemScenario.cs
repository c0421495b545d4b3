using System;
using System.Globalization;
using Hakmem.Os;
using Hakmem.Tests.Os;
using Processor = System.Runtime.InteropServices.Architecture;

namespace Hakmem.Tests.Children;

// What a program is told at its first use of Hakmem on a system that is described: prints the exception and its cause.
internal static class UnsupportedSystemScenario
{
    public const string OtherSystem = "other-system";
    public const string ThirtyTwoBits = "32-bit";

    public const string NoAddressSpace = "no-address-space";

    public static void Run(string[] args)
    {
        Describe(args[0]);
        Print("shared", () => HakmemAllocator.Shared.Trim());
        Print("isolated", () => new HakmemAllocator().Dispose());
        Print("pool", () => NativeMemoryPool.Shared.Rent(100).Dispose());
    }

    // Before the library's first use.
    public static void Describe(string system) => OsMemory.Decorator = real => system switch
    {
        OtherSystem => OsMemory.CreateFor(OsSystem.Other, Processor.X64),
        ThirtyTwoBits => OsMemory.CreateFor(OsSystem.Linux, Processor.X86),
        NoAddressSpace => RefusingReservations(real),
        _ => new BigPages(real, nuint.Parse(system, CultureInfo.InvariantCulture)),
    };

    private static void Print(string use, Action body)
    {
        try
        {
            body();
            Console.WriteLine($"{use}: works");
        }
        catch (Exception refusal)
        {
            // The outermost, which is what a log shows first.
            Console.WriteLine($"{use}: {refusal.GetType().Name}: {refusal.Message}");
        }
    }

    private static FaultyMemory RefusingReservations(OsMemory real)
    {
        FaultyMemory memory = new(real);
        memory.RefuseAll(OsCall.Reserve);
        return memory;
    }
}
