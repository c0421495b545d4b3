using System;
using System.Buffers;
using System.Runtime;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem;

// Allocates, rents, frees and asks for statistics through the package. What it prints is what `run` looks for: the
// runtime; how many methods it had to compile for the first blocks, which tells whether it used the package's native
// code; and that everything worked.
Console.WriteLine($"This is {RuntimeInformation.FrameworkDescription}.");
long compiledBefore = JitInfo.GetCompiledMethodCount(currentThread: true);
UseBlocks();
Console.WriteLine(
    $"The first blocks compiled {JitInfo.GetCompiledMethodCount(currentThread: true) - compiledBefore} methods.");

HakmemAllocator heap = HakmemAllocator.Shared;
unsafe
{
    long* numbers = heap.Alloc<long>(1_000);
    new Span<long>(numbers, 1_000).Fill(42);
    numbers = (long*)heap.Realloc(numbers, 2_000 * sizeof(long));
    Require(numbers[999] == 42, "Realloc keeps the contents");
    Require(heap.Owns(numbers), "the heap owns its block");
    heap.Free(numbers);

    try
    {
        heap.Free(numbers);
        Require(false, "a double free is an exception");
    }
    catch (HakmemCorruptionException mistake)
    {
        Require(mistake.Address == (nuint)numbers, "the exception names the address");
    }
}

using (IMemoryOwner<byte> owner = NativeMemoryPool.Shared.Rent(100_000))
{
    owner.Memory.Span.Fill(1);
    Require(owner.Memory.Length >= 100_000, "the pool rents what was asked for");
}

using (NativeBuffer<int> buffer = heap.Rent<int>(1_000, zeroed: true))
{
    Require(buffer.Length == 1_000, "the buffer is as long as was asked");
    Require(!buffer.Span.ContainsAnyExcept(0), "the buffer is zeroed");
}

using (HakmemAllocator isolated = new(new HakmemOptions { MaxBytes = 8 << 20, Hardening = HardeningLevel.Full }))
{
    unsafe
    {
        isolated.Alloc(1_000);
    }

    Require(isolated.GetStatistics().LiveBlocks == 1, "an isolated heap counts its own");
}

// Blocks of three threads, each freed by the main one after they have ended.
unsafe
{
    const int ThreadCount = 3;
    const int BlockCount = 1_000;
    void** blocks = (void**)heap.Alloc<nuint>(ThreadCount * BlockCount);
    Thread[] threads = new Thread[ThreadCount];
    for (int thread = 0; thread < ThreadCount; thread++)
    {
        void** own = blocks + (thread * BlockCount);
        threads[thread] = new Thread(() => FillWithBlocks(own, BlockCount));
        threads[thread].Start();
    }

    foreach (Thread thread in threads)
    {
        thread.Join();
    }

    for (int i = 0; i < ThreadCount * BlockCount; i++)
    {
        Require(*(nuint*)blocks[i] == (nuint)blocks[i], "a block keeps what another thread wrote");
        heap.Free(blocks[i]);
    }

    heap.Free(blocks);
}

heap.Trim();
HakmemStatistics statistics = heap.GetStatistics();
Console.WriteLine(statistics);
Require(statistics.LiveBlocks == 0, "everything was freed");
Console.WriteLine("The package works.");

// Of all sizes up to one that is larger than a SuperSlab, so many of the smaller ones that they go round by the depots.
static unsafe void UseBlocks()
{
    const int MaxCount = 200;
    void** blocks = stackalloc void*[MaxCount];
    for (nuint sizeBytes = 16; sizeBytes <= 4 << 20; sizeBytes *= 2)
    {
        int count = sizeBytes <= 4096 ? MaxCount : 4;
        for (int i = 0; i < count; i++)
        {
            blocks[i] = HakmemAllocator.Shared.Alloc(sizeBytes);
        }

        blocks[0] = HakmemAllocator.Shared.Realloc(blocks[0], 2 * sizeBytes);
        for (int i = 0; i < count; i++)
        {
            HakmemAllocator.Shared.Free(blocks[i]);
        }
    }
}

// Each block begins with its own address.
static unsafe void FillWithBlocks(void** blocks, int count)
{
    for (int i = 0; i < count; i++)
    {
        nuint sizeBytes = (nuint)(16 + (i * 8));
        blocks[i] = HakmemAllocator.Shared.Alloc(sizeBytes);
        *(nuint*)blocks[i] = (nuint)blocks[i];
    }
}

static void Require(bool isTrue, string what)
{
    if (!isTrue)
    {
        throw new InvalidOperationException("Not so: " + what);
    }
}
