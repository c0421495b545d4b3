using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Hakmem.Tests.Children;

// Loads the library with all its types, calls nothing, then allocates: prints how the process's threads and mappings changed either time.
internal static class LoadedOnlyScenario
{
    public static void Run()
    {
        if (AppDomain.CurrentDomain.GetAssemblies().Any(assembly => assembly.GetName().Name == "Hakmem"))
        {
            throw new InvalidOperationException("The library was loaded before this was looked for.");
        }

        // What the printing and reading itself needs is there before.
        Print("before", Look());
        (int Threads, long Inaccessible) before = Look();
        Assembly library = Assembly.Load("Hakmem");
        RuntimeHelpers.RunModuleConstructor(library.ManifestModule.ModuleHandle);
        Console.WriteLine($"types={library.GetTypes().Length}");
        Print("loading", Difference(before, Look()));
        AllocateOnce();
        Print("allocating", Difference(before, Look()));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void AllocateOnce() => HakmemAllocator.Shared.Free(HakmemAllocator.Shared.Alloc(100));

    private static void Print(string when, (int Threads, long Inaccessible) figures)
    {
        Console.WriteLine($"{when}-threads={figures.Threads}");
        Console.WriteLine($"{when}-reserved={figures.Inaccessible}");
    }

    private static (int Threads, long Inaccessible) Difference((int Threads, long Inaccessible) from, (int Threads, long Inaccessible) to) =>
        (to.Threads - from.Threads, to.Inaccessible - from.Inaccessible);

    // Threads, and bytes of mappings that nothing can touch: an arena's, before any of it is committed.
    private static (int Threads, long Inaccessible) Look() =>
        (Directory.GetDirectories("/proc/self/task").Length, File.ReadLines("/proc/self/maps").Where(IsReserved).Sum(Bytes));

    private static bool IsReserved(string mapping) => mapping.Split(' ')[1].StartsWith("---", StringComparison.Ordinal);

    private static long Bytes(string mapping)
    {
        long[] bounds = [.. mapping.Split(' ')[0].Split('-').Select(text => long.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
        return bounds[1] - bounds[0];
    }
}
