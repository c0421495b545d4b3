using System;
using System.Reflection;
using System.Runtime.Loader;

namespace Hakmem.Package.Tests;

// A process that allocates and frees one block by the library in a file, and does nothing else with it:
// `first-use PATH`. By reflection, which loads no types of the library but the one that it names.
internal static class FirstUse
{
    public const string Command = "first-use";

    public static int Run(string path)
    {
        Assembly library = AssemblyLoadContext.Default.LoadFromAssemblyPath(path);
        Type allocator = library.GetType("Hakmem.HakmemAllocator", throwOnError: true)!;
        object? heap = allocator.GetProperty("Shared")!.GetValue(null);
        object? block = allocator.GetMethod("Alloc", [typeof(nuint)])!.Invoke(heap, [(nuint)100]);
        allocator.GetMethod("Free", [typeof(void*)])!.Invoke(heap, [block]);
        return 0;
    }
}
