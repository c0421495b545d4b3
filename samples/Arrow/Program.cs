using System;
using System.Globalization;
using System.IO;
using Apache.Arrow.Memory;
using Hakmem;
using Hakmem.ArrowSample;
using Hakmem.Samples;

// Reads an Arrow table, batch after batch, with its buffers from Hakmem, from Arrow's own allocator (the C library's malloc) and from managed
// arrays. The argument is the number of batches.
const int DefaultBatches = 100;
const int RowsPerBatch = 100_000;
const int Rounds = 3;

int batches = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : DefaultBatches;
string path = Path.Combine(Path.GetTempPath(), $"hakmem-orders-{Guid.NewGuid():N}.arrow");
using HakmemAllocator heap = new();
HakmemArrowAllocator native = new(heap);
try
{
    await Orders.WriteAsync(path, batches, RowsPerBatch, native);
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{batches} batches of {RowsPerBatch:N0} orders, {new FileInfo(path).Length / 1048576.0:N0} MiB of Arrow IPC stream"));

    double[] sums = new double[3];
    Contest contest = new("Reading all batches, one at a time", Rounds);
    contest.Add("Hakmem", async () => sums[0] = await Orders.SumAsync(path, native));
    contest.Add("managed arrays", async () => sums[1] = await Orders.SumAsync(path, new ArrayAllocator()));
    contest.Add("Arrow's own (malloc)", async () => sums[2] = await Orders.SumAsync(path, MemoryAllocator.Default.Value));
    await contest.RunAsync();
    contest.Print(Console.Out);

    HakmemStatistics statistics = heap.GetStatistics();
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{native.Statistics.Allocations:N0} buffers came from Hakmem, {statistics.LiveBlocks} are still out; at most {statistics.PeakCommittedBytes / 1048576.0:N0} MiB were committed."));
    if (sums[0] != sums[1] || sums[0] != sums[2] || statistics.LiveBlocks != 0)
    {
        Console.WriteLine("The ways do not agree on what is in the file, or a buffer leaked.");
        return 1;
    }

    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"All ways found orders worth {sums[0]:N2}."));
    return 0;
}
finally
{
    File.Delete(path);
}
