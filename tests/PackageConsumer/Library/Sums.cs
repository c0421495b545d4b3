using System;
using Hakmem;

namespace Consumer.Library
{
    // A library for older runtimes too, in the C# that is the default there: it is compiled against the netstandard2.0
    // build, and a .NET 10 program that uses it runs the other.
    public static class Sums
    {
        // The sum of 0 .. count - 1, from off-heap memory.
        public static unsafe long Of(int count)
        {
            long* numbers = HakmemAllocator.Shared.Alloc<long>((UIntPtr)count);
            for (int i = 0; i < count; i++)
            {
                numbers[i] = i;
            }

            long sum = 0;
            foreach (long number in new ReadOnlySpan<long>(numbers, count))
            {
                sum += number;
            }

            HakmemAllocator.Shared.Free(numbers);
            return sum;
        }
    }
}
