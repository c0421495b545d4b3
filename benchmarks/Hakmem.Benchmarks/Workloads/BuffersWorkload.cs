using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>Several buffers of one size out at once, rented and returned in turn: what a service does with its requests.
/// The number of those that are out is even, because scopes are opened two at a time.</summary>
internal sealed class BuffersWorkload(string name, int bufferBytes, int outCount)
    : BuffersWorkload<BuffersWorkload.Loops>(name, bufferBytes, outCount)
{
    public override WorkloadBody? ForScopedBuffer() => operations =>
    {
        long laps = LapsFor(operations);
        ScopedLoop(OutCount, BufferBytes, laps);
        return laps * OutCount;
    };

    private static void ScopedLoop(int outCount, int byteCount, long laps)
    {
        for (long lap = 0; lap < laps; lap++)
        {
            HoldInScopes(outCount, byteCount);
        }
    }

    // Scopes end in the reverse order of their rentals, so this form returns last in, first out. Two to a call halves the
    // share of the recursion, which the other subjects' loop does not have.
    private static void HoldInScopes(int outCount, int byteCount)
    {
        using NativeBuffer<byte> first = HakmemAllocator.Shared.Rent<byte>(byteCount);
        first[0] = 1;
        first[byteCount - 1] = 1;
        using NativeBuffer<byte> second = HakmemAllocator.Shared.Rent<byte>(byteCount);
        second[0] = 1;
        second[byteCount - 1] = 1;
        if (outCount > 2)
        {
            HoldInScopes(outCount - 2, byteCount);
        }
    }

    // Tested at their ends, as in TinyHotWorkload and for the same reason.
    internal readonly struct Loops : IBufferLoops
    {
        public static void Run<T>(T[] buffers, int byteCount, long laps)
            where T : struct, IBufferSubject<T>
        {
            for (long lap = 0; lap < laps; lap++)
            {
                int rented = 0;
                do
                {
                    T buffer = T.Rent(byteCount);
                    buffer.Touch(byteCount);
                    buffers[rented] = buffer;
                }
                while (++rented < buffers.Length);

                int returned = 0;
                do
                {
                    buffers[returned].Return();
                }
                while (++returned < buffers.Length);
            }
        }
    }
}
