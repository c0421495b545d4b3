using System.Runtime.CompilerServices;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// The pattern of <see cref="BuffersWorkload"/> in <c>for</c> loops, as programs write them: they test at their start,
/// so the compiler takes nothing out of them.
/// </summary>
internal sealed class BuffersForWorkload(string name, int bufferBytes, int outCount)
    : BuffersWorkload<BuffersForWorkload.Loops>(name, bufferBytes, outCount)
{
    internal readonly struct Loops : IBufferLoops
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Run<T>(T[] buffers, int byteCount, long laps)
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
}
