using System;
using System.Globalization;
using CommunityToolkit.HighPerformance;
using Hakmem;
using Hakmem.GridSample;
using Hakmem.Samples;

// Two grids as Memory2D of CommunityToolkit.HighPerformance: over memory that was rented from Hakmem and crosses awaits
// without garbage, and over managed arrays. The argument is the length of a side.
const int DefaultSide = 2_000;
const int Steps = 8;
const int Rounds = 3;

int side = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : DefaultSide;
using HakmemAllocator heap = new();
double[] sums = new double[2];
Contest contest = new($"{Steps} steps over {side} x {side} cells", Rounds);
contest.Add("PooledMemory<float>", async () =>
{
    using PooledMemory<float> grid = heap.RentPooled<float>(side * side);
    using PooledMemory<float> other = heap.RentPooled<float>(side * side);
    sums[0] = await Diffusion.RunAsync(grid.Memory.AsMemory2D(side, side), other.Memory.AsMemory2D(side, side), Steps);
});
contest.Add("managed arrays", async () =>
    sums[1] = await Diffusion.RunAsync(new float[side, side], new float[side, side], Steps));
await contest.RunAsync();
contest.Print(Console.Out);
if (sums[0] != sums[1] || heap.GetStatistics().LiveBlocks != 0)
{
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"The ways do not agree ({sums[0]} and {sums[1]}), or a grid leaked."));
    return 1;
}

Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Both ways found {sums[0]:N2} in the inner half."));
return 0;
