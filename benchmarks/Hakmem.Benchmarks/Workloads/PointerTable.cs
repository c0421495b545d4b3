using System.Runtime.InteropServices;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Where a workload keeps the addresses of its blocks: outside the managed heap, so that no bounds check is timed, and from the
/// C library for every subject, so that the subject under test never holds it.
/// </summary>
internal static unsafe class PointerTable
{
    /// <summary>A table of null pointers.</summary>
    public static void** Rent(int count) => (void**)NativeMemory.AllocZeroed((nuint)count, (nuint)sizeof(void*));

    /// <summary>Frees the table, not what it points to.</summary>
    public static void Return(void** table) => NativeMemory.Free(table);

    /// <summary>Puts what a table points to into random order.</summary>
    public static void Shuffle(void** table, int count, ref Xorshift sequence)
    {
        Xorshift random = sequence;
        for (int i = count - 1; i > 0; i--)
        {
            uint other = random.Below((uint)i + 1);
            void* moved = table[other];
            table[other] = table[i];
            table[i] = moved;
        }

        sequence = random;
    }
}
