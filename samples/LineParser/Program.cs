using System;
using System.Buffers;
using System.Globalization;
using System.IO;
using System.Linq;
using Hakmem;
using Hakmem.LineParser;
using Hakmem.Samples;

// Reads a large file of measurements line by line, and says what native buffers saved against managed ones. The argument is the file's size in MiB.
const int DefaultMiB = 128;
const int Rounds = 3;

int mebibytes = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : DefaultMiB;

// A pipe disposes each of its segments once, so that the pool may use their owners again.
using NativeMemoryPool nativePool = new(HakmemAllocator.Shared, new NativeMemoryPoolOptions { RecycleOwners = true });
string path = Path.Combine(Path.GetTempPath(), $"hakmem-lines-{Guid.NewGuid():N}.csv");
try
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Writing {mebibytes} MiB of measurements, a line each: station;tenths of a degree."));
    MeasurementFile.Write(path, (long)mebibytes << 20);

    Summary? native = null;
    Summary? pooled = null;
    Summary? strings = null;
    Contest contest = new(string.Create(CultureInfo.InvariantCulture, $"Parsing {mebibytes} MiB"), Rounds);
    contest.Add("a pipe over NativeMemoryPool", async () => native = await PipeParser.ParseAsync(path, nativePool));
    contest.Add("a pipe over MemoryPool<byte>.Shared", async () => pooled = await PipeParser.ParseAsync(path, MemoryPool<byte>.Shared));
    contest.Add("StreamReader.ReadLine and Split", async () => strings = await StringParser.ParseAsync(path));
    await contest.RunAsync();

    foreach (Station station in native!.Stations.Take(5))
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {station}"));
    }

    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  ... {native.Stations.Count} stations, {native.Lines:N0} lines"));
    Console.WriteLine();
    contest.Print(Console.Out);

    if (!native.Matches(pooled!) || !native.Matches(strings!))
    {
        Console.WriteLine("The ways do not agree on what is in the file.");
        return 1;
    }

    Console.WriteLine("All ways found the same.");
    return 0;
}
finally
{
    File.Delete(path);
}
