using System;
using System.Linq;
using System.Threading.Tasks;
using CommunityToolkit.HighPerformance;

namespace Hakmem.GridSample;

// Heat that spreads over a plane, in steps from one grid to another. The grids may be in any memory: a Memory2D is rows
// and columns over it, and each task gets a slice of some rows.
internal static class Diffusion
{
    private const int Bands = 4;

    // Puts heat into the middle of the grid, spreads it, and returns how much there is in the inner half of it.
    public static async Task<double> RunAsync(Memory2D<float> grid, Memory2D<float> other, int steps)
    {
        grid.Span.Clear();
        grid.Slice(grid.Height / 2, grid.Width / 4, 1, grid.Width / 2).Span.Fill(1_000);
        other.Span.Clear();
        for (int step = 0; step < steps; step++)
        {
            // The rims stay cold.
            int height = grid.Height - 2;
            Memory2D<float> from = grid;
            Memory2D<float> to = other;
            await Task.WhenAll(Enumerable.Range(0, Bands).Select(band => Task.Run(() =>
            {
                int first = height * band / Bands;
                int rows = (height * (band + 1) / Bands) - first;
                Step(from.Slice(first, 0, rows + 2, from.Width), to.Slice(first + 1, 0, rows, to.Width));
            })));
            (grid, other) = (other, grid);
        }

        return Sum(grid.Slice(grid.Height / 4, grid.Width / 4, grid.Height / 2, grid.Width / 2).Span);
    }

    // The source has one row more than the target above it and one below it.
    private static void Step(ReadOnlyMemory2D<float> source, Memory2D<float> target)
    {
        ReadOnlySpan2D<float> from = source.Span;
        Span2D<float> to = target.Span;
        for (int row = 0; row < to.Height; row++)
        {
            ReadOnlySpan<float> above = from.GetRowSpan(row);
            ReadOnlySpan<float> here = from.GetRowSpan(row + 1);
            ReadOnlySpan<float> below = from.GetRowSpan(row + 2);
            Span<float> result = to.GetRowSpan(row);
            for (int column = 1; column < result.Length - 1; column++)
            {
                float around = above[column] + below[column] + here[column - 1] + here[column + 1];
                result[column] = (here[column] / 2) + (around / 8);
            }
        }
    }

    private static double Sum(Span2D<float> part)
    {
        double sum = 0;
        foreach (ref float value in part)
        {
            sum += value;
        }

        return sum;
    }
}
