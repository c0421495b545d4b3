using System;
using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hakmem.Benchmarks.Runner;

namespace Hakmem.Benchmarks.Startup;

/// <summary>
/// The small program that is measured: <c>startup-one PROGRAM</c> takes and frees a block and a buffer and prints one line of figures. Not in the
/// help.
/// </summary>
/// <remarks>
/// The programs are the same but for one method, which is not inlined: so the others do not so much as load what it uses.
/// </remarks>
internal static class StartupOneCommand
{
    /// <summary>The internal command's name.</summary>
    public const string Name = "startup-one";

    /// <summary>The program whose memory is from the C library.</summary>
    public const string Native = "nativememory";

    /// <summary>The program whose memory is from Hakmem: its shared heap and its pool.</summary>
    public const string Hakmem = "hakmem";

    /// <summary>The first program, with Hakmem's assembly loaded and none of its code called.</summary>
    public const string Loaded = "loaded";

    private const int BlockBytes = 100;
    private const int BufferBytes = 64 << 10;

    /// <summary>Runs and prints.</summary>
    public static int Run(ReadOnlySpan<string> arguments)
    {
        long start = Stopwatch.GetTimestamp();
        switch (arguments[1])
        {
            case Native:
                UseNative();
                break;
            case Hakmem:
                UseHakmem();
                break;
            case Loaded:
                Load();
                UseNative();
                break;
            default:
                throw new ArgumentException($"There is no program '{arguments[1]}'.", nameof(arguments));
        }

        double useMs = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        double cpuMs = Environment.CpuUsage.TotalTime.TotalMilliseconds;
        long threads = ProcessFigures.ThreadCount;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{useMs} {cpuMs} {ProcessFigures.ResidentBytes} {ProcessFigures.PeakResidentBytes} {threads}"));
        return 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void UseNative()
    {
        void* block = NativeMemory.Alloc(BlockBytes);
        new Span<byte>(block, BlockBytes).Fill(1);
        NativeMemory.Free(block);
        void* buffer = NativeMemory.Alloc(BufferBytes);
        new Span<byte>(buffer, BufferBytes).Fill(1);
        NativeMemory.Free(buffer);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void UseHakmem()
    {
        void* block = HakmemAllocator.Shared.Alloc(BlockBytes);
        new Span<byte>(block, BlockBytes).Fill(1);
        HakmemAllocator.Shared.Free(block);
        using IMemoryOwner<byte> buffer = NativeMemoryPool.Shared.Rent(BufferBytes);
        buffer.Memory.Span.Fill(1);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Load() => GC.KeepAlive(typeof(HakmemAllocator).Assembly.ManifestModule);
}
