using System;
using System.Collections.Generic;
using System.Text;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Hardening;

// The texts of call stacks, each kept once and named by a number: what a block's history points at.
//
// Kept for good, in memory of the table's own that a report of a fault can read without a lock, and bounded: when a program has
// come by more places than there is room for, later ones get a number that says so. Two stacks of one hash are taken for one; at
// 64 bits and some thousands of stacks that does not happen. One for the process. Thread-safe.
internal sealed unsafe class StackTable(OsMemory os, int maxBytes)
{
    // No stack was taken.
    public const int None = 0;

    // The table is full.
    public const int Full = 1;

    // Some ten thousand stacks of a dozen frames.
    public const int DefaultBytes = 8 << 20;

    private const int MaxStacks = 1 << 16;

    private static readonly byte[] s_fullText = "   at (not kept: the table of call stacks is full)\n"u8.ToArray();

    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock. Memory that was handed out is never written again.
    private readonly Dictionary<ulong, int> _numbers = [];
    private readonly List<(nint Address, int Bytes)> _texts = [default, default];
    private byte* _memory;
    private int _used;

    public static StackTable Instance { get; } = new(OsMemory.CreateForCurrentSystem(), DefaultBytes);

    // The number of a text, the same for the same text.
    public int Add(ReadOnlySpan<byte> text)
    {
        ulong hash = HashOf(text);
        using (_lock.Enter())
        {
            if (_numbers.TryGetValue(hash, out int number))
            {
                return number;
            }

            if (!TryPrepare() || _texts.Count >= MaxStacks || text.Length > maxBytes - _used)
            {
                return _texts[Full].Bytes > 0 ? Full : None;
            }

            byte* copy = Keep(text);
            _numbers.Add(hash, _texts.Count);
            _texts.Add(((nint)copy, text.Length));
            return _texts.Count - 1;
        }
    }

    // Where a text is, for good; null and zero bytes for None.
    public byte* TextOf(int number, out int bytes)
    {
        using (_lock.Enter())
        {
            (nint address, bytes) = _texts[number];
            return (byte*)address;
        }
    }

    // A text for people; null for None.
    public string? StringOf(int number)
    {
        byte* text = TextOf(number, out int bytes);
        return bytes == 0 ? null : Encoding.UTF8.GetString(text, bytes);
    }

    private bool TryPrepare()
    {
        if (_memory == null)
        {
            nuint bytes = ((nuint)maxBytes + os.PageSize - 1) & ~(os.PageSize - 1);
            byte* memory = os.TryReserve(bytes);
            if (memory == null || !os.TryCommit(memory, bytes))
            {
                _ = memory != null && os.TryRelease(memory, bytes);
                return false;
            }

            _memory = memory;
            _texts[Full] = ((nint)Keep(s_fullText), s_fullText.Length);
        }

        return true;
    }

    private byte* Keep(ReadOnlySpan<byte> text)
    {
        byte* copy = _memory + _used;
        text.CopyTo(new Span<byte>(copy, text.Length));
        _used += text.Length;
        return copy;
    }

    // FNV-1a.
    private static ulong HashOf(ReadOnlySpan<byte> text)
    {
        ulong hash = 0xCBF2_9CE4_8422_2325;
        foreach (byte each in text)
        {
            hash = (hash ^ each) * 0x100_0000_01B3;
        }

        return hash;
    }
}
