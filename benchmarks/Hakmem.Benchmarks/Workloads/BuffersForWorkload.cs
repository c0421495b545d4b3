using System.Runtime.CompilerServices;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// The pattern of <see cref="BuffersWorkload"/> in <c>for</c> loops, as programs write them: they test at their start,
/// so the compiler takes nothing out of them.
/// </summary>
internal sealed class BuffersForWorkload : Workload
{
    private readonly int _bufferBytes;
    private readonly int _outCount;

    /// <summary>Describes the rental pattern.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="bufferBytes">The size of a buffer.</param>
    /// <param name="outCount">How many are out at once.</param>
    public BuffersForWorkload(string name, int bufferBytes, int outCount)
        : base(name)
    {
        _bufferBytes = bufferBytes;
        _outCount = outCount;
    }

    public override WorkloadBody? ForAllocator<T>() => ForBuffer<BlockBuffer<T>>();

    public override WorkloadBody? ForBuffer<T>() => operations =>
    {
        long laps = (operations + _outCount - 1) / _outCount;
        Loop(new T[_outCount], _bufferBytes, laps);
        return laps * _outCount;
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Loop<T>(T[] buffers, int byteCount, long laps)
        where T : struct, IBufferSubject<T>
    {
        for (long lap = 0; lap < laps; lap++)
        {
            for (int i = 0; i < buffers.Length; i++)
            {
                buffers[i] = T.Rent(byteCount);
                buffers[i].Touch(byteCount);
            }

            for (int i = 0; i < buffers.Length; i++)
            {
                buffers[i].Return();
            }
        }
    }
}
