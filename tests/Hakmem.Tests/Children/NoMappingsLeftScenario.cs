using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using Hakmem.Os;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// Uses up all the mappings that the kernel lets a process have, then allocates: prints what the exception says.
internal static unsafe class NoMappingsLeftScenario
{
    // Far more than the usual limit, 65530.
    private const int MaxPages = 4 << 20;

    public static void Run()
    {
        // All that runs while there are no mappings has been compiled or has run before: the runtime may need one for
        // any method that it compiles.
        CompileAll(typeof(HakmemAllocator).Assembly);
        FaultyMemory? memory = null;
        OsMemory.Decorator = real => memory = new FaultyMemory(real);
        HakmemAllocator heap = HakmemAllocator.Shared;
        heap.Free(heap.Alloc(BlockSizes.Tiny));

        // Once the heap has counted the mappings, it needs no more of the system, but the runtime may need a page for the
        // exception: so the mappings are given back there.
        nuint bytes = MaxPages * (nuint)Environment.SystemPageSize;
        byte* pages = Reserve();
        memory!.MappingsCounted = () =>
        {
            if (pages != null)
            {
                _ = LinuxNative.Unmap(pages, bytes);
                pages = null;
            }
        };
        memory.RefuseAll(OsCall.Commit);
        memory.MostMappings = 1;

        // Twice, as a request that failed before goes another way.
        _ = MessageOf(heap, 512 * BlockSizes.MiB);
        _ = MessageOf(heap, 512 * BlockSizes.MiB);
        memory.MostMappings = 0;
        memory.RefuseNone();
        _ = LinuxFile.TryRead("/proc/sys/vm/max_map_count", out string? text) && CgroupLimit.Parse(text) > 0 &&
            LinuxFile.TryCountLines("/proc/self/maps", out _);
        _ = memory.ExplainRefusal();
        pages = Reserve();
        Fill(pages, 10);

        // The collector asks for no memory from here on: it has some.
        if (!GC.TryStartNoGCRegion(16 << 20))
        {
            throw new UnreachableException("The collector has no memory.");
        }

        int filled = Fill(pages, MaxPages);
        string message = MessageOf(heap, 512 * BlockSizes.MiB);
        Console.WriteLine($"filled={filled}");
        Console.WriteLine(message);
        heap.Free(heap.Alloc(512 * BlockSizes.MiB));
    }

    private static void CompileAll(Assembly assembly)
    {
        const BindingFlags All =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        foreach (Type type in assembly.GetTypes().Where(type => !type.ContainsGenericParameters))
        {
            IEnumerable<MethodBase> methods = [.. type.GetMethods(All), .. type.GetConstructors(All)];
            foreach (MethodBase method in methods.Where(IsCompilable))
            {
                RuntimeHelpers.PrepareMethod(method.MethodHandle);
            }
        }
    }

    // Not methods that the runtime has bodies for, such as those of delegates.
    private static bool IsCompilable(MethodBase method) =>
        !method.IsAbstract && !method.ContainsGenericParameters && method.GetMethodImplementationFlags() == MethodImplAttributes.IL;

    private static byte* Reserve()
    {
        byte* pages = LinuxNative.Map(
            null, MaxPages * (nuint)Environment.SystemPageSize, LinuxNative.ProtectNone, LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve, -1, 0);
        return pages == LinuxNative.MapFailed ? throw new UnreachableException("No addresses.") : pages;
    }

    // Every other page is a mapping of its own, and so is what lies between.
    private static int Fill(byte* pages, int most)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        for (int i = 1; i < most; i += 2)
        {
            if (LinuxNative.Protect(pages + ((nuint)i * page), page, LinuxNative.ProtectRead) != 0)
            {
                return i;
            }
        }

        return most;
    }

    private static string MessageOf(HakmemAllocator heap, nuint byteCount)
    {
        try
        {
            heap.Free(heap.Alloc(byteCount));
            return "none";
        }
        catch (OutOfMemoryException refusal)
        {
            return refusal.Message;
        }
    }
}
