using System;

namespace Hakmem.Tests.Support;

// A live block and what was written to it.
internal readonly unsafe record struct Block(nint Address, nuint Bytes, uint Seed)
{
    // Not public, or the record would print it: NativeAOT's compiler fails on the ToString of a pointer that is generated for that.
    internal void* Pointer => (void*)Address;

    // Allocates, checks the alignment every block has, and fills what was asked for.
    public static Block Allocate(IHakmemAllocator heap, nuint bytes, uint seed) => Filled(heap.Alloc(bytes), bytes, seed);

    public static Block Filled(void* pointer, nuint bytes, uint seed)
    {
        if (pointer is null || (nuint)pointer % 16 != 0)
        {
            throw new InvalidOperationException($"A block of {bytes} bytes came at 0x{(nuint)pointer:x}, which is not a multiple of 16.");
        }

        Pattern.Fill(pointer, bytes, seed);
        return new Block((nint)pointer, bytes, seed);
    }

    public void Verify() => Pattern.Verify(Pointer, Bytes, Seed);

    public void VerifyAndFree(IHakmemAllocator heap)
    {
        Verify();
        heap.Free(Pointer);
    }

    // Resizes and checks that the common prefix survived; the result is filled anew up to its size.
    public Block Resize(IHakmemAllocator heap, nuint bytes, uint seed)
    {
        Verify();
        void* moved = heap.Realloc(Pointer, bytes);
        Pattern.Verify(moved, nuint.Min(Bytes, bytes), Seed);
        return Filled(moved, bytes, seed);
    }
}
