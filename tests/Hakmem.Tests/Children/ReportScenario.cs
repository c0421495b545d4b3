using System;
using System.Collections.Generic;
using System.IO;
using System.IO.MemoryMappedFiles;
using System.Linq;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace Hakmem.Tests.Children;

// Programs whose resident set grows for one reason each. Each prints the report before and after, and what grew.
internal static unsafe partial class ReportScenario
{
    private const int MiB = 1 << 20;
    private const int PageBytes = 4096;

    // Everything that a program keeps, so that it is alive when the report is captured.
    private static readonly List<object> s_kept = [];

    public static void Run(string[] args)
    {
        // The first report compiles and loads what reports need.
        _ = NativeMemoryReport.Capture().ToJson();
        NativeMemoryReport before = NativeMemoryReport.Capture();
        Grow(args[0]);
        long working = Environment.WorkingSet;
        NativeMemoryReport after = NativeMemoryReport.Capture();
        IReadOnlyList<NativeMemoryGrowth> growth = after.GrowthSince(before);
        Console.WriteLine($"working-set={working}");
        Console.WriteLine($"resident={after.ResidentBytes}");
        Console.WriteLine($"attributed={after.AttributedBytes}");
        Console.WriteLine($"largest={(int)after.Largest.Kind}");
        Console.WriteLine($"grown={(int)growth[0].Kind}");
        Console.WriteLine($"grown-bytes={growth[0].Bytes}");
        Console.WriteLine(after);
        GC.KeepAlive(s_kept);
    }

    // Also for the tests of the tool, which finds the same programs' culprits from outside.
    internal static void Grow(string name)
    {
        switch (name)
        {
            case "arenas":
                KeepArenas();
                break;
            case "native-cache":
                FillNativeCache();
                break;
            case "array-pool":
                KeepArrays();
                break;
            case "pinned":
                PinBuffers();
                break;
            case "stacks":
                StartThreads();
                break;
            case "files":
                MapFile();
                break;
            case "hakmem":
                LeakBlocks();
                break;
            case "mapping":
                Map();
                break;
            case "fragments":
                Fragment();
                break;
            case "code":
                CompileMethods();
                break;
            default:
                throw new ArgumentException($"There is no such program: {name}.", nameof(name));
        }
    }

    // Threads that free all but their last block: their arenas keep the memory in front of it.
    private static void KeepArenas()
    {
        const int Threads = 64;
        const int Blocks = 2_000;
        using CountdownEvent allocated = new(Threads);
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(() =>
        {
            nint[] blocks = new nint[Blocks];
            for (int i = 0; i < Blocks; i++)
            {
                blocks[i] = (nint)NativeMemory.Alloc(1_000);
                *(long*)blocks[i] = i;
            }

            allocated.Signal();
            allocated.Wait();
            foreach (nint block in blocks.AsSpan(0, Blocks - 1))
            {
                NativeMemory.Free((void*)block);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
    }

    // Some sessions and certificates of a native library: small blocks and large ones.
    private static void FillNativeCache()
    {
        for (int i = 0; i < 64 * 1024; i++)
        {
            Touch(NativeMemory.Alloc(1_000), 1_000);
        }

        for (int i = 0; i < 48; i++)
        {
            Touch(NativeMemory.Alloc(MiB), MiB);
        }
    }

    private static void KeepArrays()
    {
        for (int i = 0; i < 128; i++)
        {
            byte[] buffer = new byte[MiB];
            Array.Fill(buffer, (byte)1);
            s_kept.Add(buffer);
        }
    }

    private static void PinBuffers()
    {
        for (int i = 0; i < 32 * 1024; i++)
        {
            byte[] buffer = GC.AllocateUninitializedArray<byte>(PageBytes, pinned: true);
            Array.Fill(buffer, (byte)1);
            s_kept.Add(buffer);
        }
    }

    private static void StartThreads()
    {
        const int Threads = 96;
        CountdownEvent deep = new(Threads);
        for (int i = 0; i < Threads; i++)
        {
            Thread thread = new(
                () =>
                {
                    TouchStack();
                    deep.Signal();
                    Thread.Sleep(Timeout.Infinite);
                },
                2 * MiB)
            { IsBackground = true };
            thread.Start();
            s_kept.Add(thread);
        }

        deep.Wait();
    }

    private static void TouchStack()
    {
        byte* deep = stackalloc byte[MiB];
        Touch(deep, MiB);
    }

    private static void MapFile()
    {
        string path = Path.GetTempFileName();
        using (FileStream file = File.OpenWrite(path))
        {
            byte[] piece = new byte[MiB / 16];
            for (int i = 0; i < 128 * 16; i++)
            {
                file.Write(piece);
            }
        }

        MemoryMappedFile map = MemoryMappedFile.CreateFromFile(path, FileMode.Open);
        MemoryMappedViewAccessor view = map.CreateViewAccessor();
        s_kept.AddRange([map, view]);
        File.Delete(path);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        long sum = 0;
        for (long offset = 0; offset < 128L * MiB; offset += PageBytes)
        {
            sum += start[offset];
        }

        Console.WriteLine($"sum={sum}");
    }

    private static void LeakBlocks()
    {
        HakmemAllocator heap = new();
        s_kept.Add(heap);
        for (int i = 0; i < 64 * 1024; i++)
        {
            Touch(heap.Alloc(1_000), 1_000);
            Touch(HakmemAllocator.Shared.Alloc(1_000), 1_000);
        }
    }

    // What no allocator knows.
    private static void Map()
    {
        const int PrivateAnonymous = 0x22;
        void* block = MapMemory(null, 128 * MiB, 3, PrivateAnonymous, -1, 0);
        Touch(block, 128 * MiB);
    }

    // Small pinned arrays that keep the garbage between them from being given back.
    private static void Fragment()
    {
        for (int i = 0; i < 8 * 1024; i++)
        {
            s_kept.Add(GCHandle.Alloc(new byte[64], GCHandleType.Pinned));
            Array.Fill(new byte[4 * PageBytes], (byte)1);
        }

        GC.Collect();
    }

    [LibraryImport("libc.so.6", EntryPoint = "mmap")]
    private static partial void* MapMemory(
        void* address, nuint bytes, int protection, int flags, int file, nint offset);

    // One generic method, compiled for each of many types. It has so many instructions that the compiler optimises
    // none, which takes less time and makes more code.
    private static void CompileMethods()
    {
        const int Instructions = 8_000;
        AssemblyBuilder assembly = AssemblyBuilder.DefineDynamicAssembly(new("Generated"), AssemblyBuilderAccess.Run);
        TypeBuilder type = assembly.DefineDynamicModule("Generated").DefineType("Generated");
        MethodBuilder method = type.DefineMethod("Run", MethodAttributes.Public | MethodAttributes.Static);
        method.DefineGenericParameters("T");
        ILGenerator code = method.GetILGenerator(14 * Instructions);
        code.DeclareLocal(typeof(long));
        for (int i = 0; i < Instructions; i++)
        {
            code.Emit(OpCodes.Ldloc_0);
            code.Emit(OpCodes.Ldc_I8, (1L << 40) + i);
            code.Emit(OpCodes.Add);
            code.Emit(OpCodes.Stloc_0);
        }

        code.Emit(OpCodes.Ret);
        MethodInfo generated = type.CreateType().GetMethod("Run")!;
        Type[] types =
        [
            typeof(byte), typeof(sbyte), typeof(short), typeof(ushort), typeof(char), typeof(int), typeof(uint),
            typeof(long), typeof(ulong), typeof(nint), typeof(nuint), typeof(float), typeof(double), typeof(decimal),
            typeof(Guid), typeof(DateTime),
        ];
        foreach (Type first in types)
        {
            foreach (Type second in types)
            {
                Type pair = typeof(ValueTuple<,>).MakeGenericType(first, second);
                RuntimeHelpers.PrepareMethod(generated.MethodHandle, [pair.TypeHandle]);
            }
        }
    }

    private static void Touch(void* block, int bytes)
    {
        for (int offset = 0; offset < bytes; offset += PageBytes)
        {
            ((byte*)block)[offset] = 1;
        }
    }
}
