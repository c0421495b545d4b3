using System.Threading;

namespace Hakmem.Benchmarks.Soak;

/// <summary>Somebody who trims while others work, and looks at the statistics.</summary>
internal sealed class TrimLoad(string name, SoakGate gate, int seed, SoakHeap heap) : SoakLoad(name, gate, seed)
{
    private const int MostPauseMs = 400;

    protected override void Step()
    {
        heap.Heap.Trim();
        HakmemStatistics statistics = heap.Heap.GetStatistics();
        if (statistics.CommittedBytes < 0 || statistics.CommittedBytes > statistics.ReservedBytes)
        {
            throw new SoakFailedException($"{statistics.CommittedBytes} bytes cannot be committed.");
        }

        Thread.Sleep(Random.Next(MostPauseMs));
    }

    protected override void Finish()
    {
    }
}
