using System;
using System.Globalization;
using System.Text.RegularExpressions;
using System.Threading;
using Hakmem;

// Whether the netstandard2.0 build works on a runtime that is not .NET: run by .ci/run on Mono, compiled with Mono's own compiler. The
// whole test suite runs against that build on .NET; this is for what only another runtime can get wrong: thread-static pointers, the
// layout of records, system calls, pointer arithmetic on a different JIT compiler, text of a pointer-sized number.
internal static unsafe class Program
{
    private const int Threads = 4;
    private const int Slots = 256;
    private const int Steps = 100000;

    private static int s_errors;

    private static int Main()
    {
        HakmemAllocator shared = HakmemAllocator.Shared;
        EveryWay(shared);
        Refusals(shared);
        Churn(shared);
        using (HakmemAllocator own = new HakmemAllocator())
        {
            EveryWay(own);
            Churn(own);
        }

        shared.Trim();
        HakmemStatistics statistics = shared.GetStatistics();
        Require(statistics.LiveBlocks == 0, "all blocks came back");
        Console.WriteLine(statistics);
        Console.WriteLine(s_errors == 0 ? "The netstandard2.0 build works." : s_errors + " things went wrong.");
        return s_errors == 0 ? 0 : 1;
    }

    private static void EveryWay(HakmemAllocator heap)
    {
        byte* block = (byte*)heap.Alloc((UIntPtr)100);
        Require((ulong)heap.UsableSize(block) >= 100 && heap.Owns(block), "a block has its size");
        block[99] = 1;
        block = (byte*)heap.Realloc(block, (UIntPtr)5000000);
        Require(block[99] == 1, "Realloc keeps the contents");
        heap.Free(block);

        foreach (ulong size in new ulong[] { 1, 64, 4096, 65536, 1 << 20, 10 << 20 })
        {
            byte* zeroed = (byte*)heap.AllocZeroed((UIntPtr)size);
            Require(zeroed[0] == 0 && zeroed[size - 1] == 0, "AllocZeroed gives zeros");
            zeroed[0] = zeroed[size - 1] = 255;
            heap.Free(zeroed);
            void* aligned = heap.AlignedAlloc((UIntPtr)size, (UIntPtr)4096);
            Require(((ulong)aligned & 4095) == 0, "AlignedAlloc aligns");
            heap.Free(aligned);
        }

        using (NativeMemoryPool pool = new NativeMemoryPool(heap))
        using (var owner = pool.Rent(1000))
        {
            owner.Memory.Span.Fill(7);
            Require(owner.Memory.Length == 1000 && owner.Memory.Span[999] == 7, "a pool rents memory");
        }

        NativeBuffer<int> buffer = heap.Rent<int>(1000);
        buffer.Span.Fill(-1);
        Require(buffer.Span[999] == -1, "a rental has its elements");
        buffer.Dispose();
    }

    private static void Refusals(HakmemAllocator heap)
    {
        long local = 0;
        RequireRefused(heap, (IntPtr)(&local), "a foreign pointer");
        byte* block = (byte*)heap.Alloc((UIntPtr)48);
        RequireRefused(heap, (IntPtr)(block + 8), "an interior pointer");
        heap.Free(block);
        RequireRefused(heap, (IntPtr)block, "the block freed last");
        heap.Free(null);
        void* none;
        Require(!heap.TryAlloc((UIntPtr)(ulong.MaxValue - 4096), out none), "an impossible size is refused");
    }

    // Blocks with a pattern change hands between threads that end.
    private static void Churn(HakmemAllocator heap)
    {
        IntPtr[] slots = new IntPtr[Slots];
        Thread[] threads = new Thread[Threads];
        for (int i = 0; i < Threads; i++)
        {
            uint seed = (uint)i + 1;
            threads[i] = new Thread(() => Churn(heap, slots, seed));
            threads[i].Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        foreach (IntPtr slot in slots)
        {
            Check(heap, (ulong*)slot);
        }
    }

    private static void Churn(HakmemAllocator heap, IntPtr[] slots, uint random)
    {
        for (int step = 0; step < Steps; step++)
        {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            ulong words = 2 + (random % (random % 64 == 0 ? 20000u : 120u));
            ulong* block = (ulong*)heap.Alloc((UIntPtr)(words * 8));
            block[0] = words;
            block[words - 1] = words ^ ulong.MaxValue;
            Check(heap, (ulong*)Interlocked.Exchange(ref slots[random % Slots], (IntPtr)block));
        }
    }

    private static void Check(HakmemAllocator heap, ulong* block)
    {
        if (block != null)
        {
            Require(block[block[0] - 1] == (block[0] ^ ulong.MaxValue), "a block keeps its contents");
            heap.Free(block);
        }
    }

    private static void RequireRefused(HakmemAllocator heap, IntPtr address, string what)
    {
        bool isRefused = false;
        try
        {
            heap.Free((void*)address);
        }
        catch (HakmemCorruptionException mistake)
        {
            isRefused = true;
            Require(Names(mistake.Message, address), "a message has the address in hexadecimal digits: " + mistake.Message);
        }

        Require(isRefused, "Free refuses " + what);
    }

    // Whether the first address of a message, behind "0x", is this one.
    private static bool Names(string message, IntPtr address)
    {
        Match digits = Regex.Match(message, "0x([0-9a-f]+)");
        ulong named;
        return ulong.TryParse(digits.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out named) &&
            named == (ulong)address;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            Interlocked.Increment(ref s_errors);
            Console.WriteLine("Wrong: " + what + " does not hold.");
        }
    }
}
