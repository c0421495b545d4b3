namespace Hakmem.Benchmarks.Soak;

/// <summary>
/// A live block and what was written to it: words that depend on the block's address and a stamp, all of them up to 4 KiB, one in
/// every 512 bytes and the last beyond.
/// </summary>
internal readonly unsafe record struct SoakBlock(nint Address, nuint Bytes, ulong Stamp)
{
    private const nuint DenseBytes = 4096;
    private const nuint SparseWords = 64;

    /// <summary>The block itself.</summary>
    public void* Pointer => (void*)Address;

    /// <summary>Writes a new block's words.</summary>
    /// <param name="pointer">The block.</param>
    /// <param name="bytes">Its size, at least 8.</param>
    /// <param name="stamp">Any number, another for each block.</param>
    public static SoakBlock Fill(void* pointer, nuint bytes, ulong stamp)
    {
        SoakBlock block = new((nint)pointer, bytes, stamp);
        ulong* words = (ulong*)pointer;
        nuint count = bytes / sizeof(ulong);
        for (nuint i = 0; i < count; i += StepAt(i))
        {
            words[i] = block.Word(i);
        }

        words[count - 1] = block.Word(count - 1);
        return block;
    }

    /// <summary>Looks whether the words are still there.</summary>
    /// <exception cref="SoakFailedException">One of them has changed.</exception>
    public void Verify() => VerifyAt(Pointer, Bytes);

    /// <summary>Looks whether the words of the block's beginning are there, at an address they may have moved to.</summary>
    /// <exception cref="SoakFailedException">One of them has changed.</exception>
    public void VerifyAt(void* pointer, nuint bytes)
    {
        ulong* words = (ulong*)pointer;
        nuint count = bytes / sizeof(ulong);
        for (nuint i = 0; i < count; i += StepAt(i))
        {
            Verify(words, i);
        }

        if (bytes == Bytes)
        {
            Verify(words, count - 1);
        }
    }

    private static nuint StepAt(nuint word) => word < DenseBytes / sizeof(ulong) ? 1 : SparseWords;

    private void Verify(ulong* words, nuint index)
    {
        if (words[index] != Word(index))
        {
            throw new SoakFailedException(
                $"The block of {Bytes} bytes made at 0x{Address:x} (stamp {Stamp}) holds 0x{words[index]:x} at word {index} instead of 0x{Word(index):x}.");
        }
    }

    private ulong Word(nuint index) => ((ulong)Address ^ (Stamp * 0x9E3779B97F4A7C15)) + ((ulong)index * 0xD6E8FEB86659FD93);
}
