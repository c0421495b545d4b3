using System;
using System.Threading;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using Hakmem.Os;

namespace Hakmem.Profiling;

// The texts of call stacks, each stored once and identified by a number, which block histories contain.
//
// Texts are kept for the life of the process, in memory that a fault report reads without a lock. The table is bounded:
// stacks that find no room get the number Full. Two stacks with one 64-bit hash count as one, which is improbable at
// some thousands of stacks. One for the process. Thread-safe; nothing managed is allocated under its lock.
//
//   texts, in sequence | records by number | numbers by hash: open addressing, 0 for none
//
// Texts and records are committed in steps, as they come.
internal sealed unsafe class StackTable(OsMemory os, int maxBytes)
{
    // No stack.
    public const int None = 0;

    // The table is full.
    public const int Full = 1;

    // Room for about ten thousand stacks of a dozen frames.
    public const int DefaultBytes = 8 << 20;

    private const int MaxStacks = 1 << 16;
    private const int Buckets = 2 * MaxStacks;

    // A multiple of every page size.
    private const int StepBytes = 1 << 16;

    // Interlocked, and never changed again.
    private static StackTable? s_instance;

    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock. Texts that were returned are never written again. Null before the first use.
    private byte* _memory;
    private Entry* _entries;
    private int* _buckets;
    private int _used;
    private int _count;
    private nuint _committedTextBytes;
    private nuint _committedEntryBytes;

    private static ReadOnlySpan<byte> FullText => "   at (not kept: the table of call stacks is full)\n"u8;

    public static StackTable Instance => Volatile.Read(ref s_instance) ?? Make(ref s_instance, DefaultBytes);

    // The table in a static field that is null before its first use; of threads that come at once one makes it. Not an
    // initializer, after whose failure every later use of the class would fail.
    public static StackTable Make(ref StackTable? table, int maxBytes)
    {
        StackTable made = new(OsMemory.CreateForCurrentSystem(), maxBytes);
        return Interlocked.CompareExchange(ref table, made, null) ?? made;
    }

    private int TextBytes => (maxBytes + Entry.Bytes - 1) & -Entry.Bytes;

    // Returns the number of a text; equal texts have one number.
    public int Add(ReadOnlySpan<byte> text)
    {
        ulong hash = ByteHash.Compute(text);
        using (_lock.Enter())
        {
            if (!TryPrepare())
            {
                return None;
            }

            int* bucket = FindBucket(hash);
            if (*bucket != None)
            {
                return *bucket;
            }

            if (_count >= MaxStacks || text.Length > maxBytes - _used || !TryMakeRoom(text.Length))
            {
                return _committedEntryBytes > 0 && _entries[Full].Length > 0 ? Full : None;
            }

            *bucket = _count;
            return AddEntry(text, hash);
        }
    }

    // Returns a text, which stays valid; null and zero bytes for None.
    public byte* TextOf(int number, out int bytes)
    {
        using (_lock.Enter())
        {
            Entry entry = number == None ? default : _entries[number];
            bytes = entry.Length;
            return entry.Text;
        }
    }

    // Returns a text as a string; null for None.
    public string? StringOf(int number)
    {
        byte* text = TextOf(number, out int bytes);
        return bytes == 0 ? null : Encoding.UTF8.GetString(text, bytes);
    }

    private bool TryPrepare()
    {
        _lock.AssertHeld();
        if (_memory != null)
        {
            return true;
        }

        // Each part begins with a step, so that it is committed apart from the others.
        nuint textBytes = Steps((nuint)TextBytes);
        nuint entryBytes = Steps((nuint)MaxStacks * (nuint)sizeof(Entry));
        nuint bucketBytes = Steps(Buckets * sizeof(int));
        nuint bytes = textBytes + entryBytes + bucketBytes;
        byte* memory = os.TryReserve(bytes);
        if (memory == null || !os.TryCommit(memory + textBytes + entryBytes, bucketBytes))
        {
            _ = memory != null && os.TryRelease(memory, bytes);
            return false;
        }

        _memory = memory;
        _entries = (Entry*)(memory + textBytes);
        _buckets = (int*)(memory + textBytes + entryBytes);
        _count = Full;
        if (FullText.Length <= maxBytes && TryMakeRoom(FullText.Length))
        {
            AddEntry(FullText, 0);
        }

        _count = Full + 1;
        return true;
    }

    // Commits what one more text of a length needs.
    private bool TryMakeRoom(int textBytes)
    {
        _lock.AssertHeld();
        return TryCommitTo((nuint)(_used + textBytes), _memory, ref _committedTextBytes) &&
            TryCommitTo((nuint)(_count + 1) * Entry.Bytes, (byte*)_entries, ref _committedEntryBytes);
    }

    private bool TryCommitTo(nuint end, byte* part, ref nuint committed)
    {
        nuint more = Steps(end) - committed;
        if (end > committed && !os.TryCommit(part + committed, more))
        {
            return false;
        }

        committed = nuint.Max(committed, Steps(end));
        return true;
    }

    private static nuint Steps(nuint bytes) => (bytes + StepBytes - 1) & ~(nuint)(StepBytes - 1);

    private int AddEntry(ReadOnlySpan<byte> text, ulong hash)
    {
        byte* copy = _memory + _used;
        text.CopyTo(new Span<byte>(copy, text.Length));
        _used += text.Length;
        _entries[_count] = new Entry { Text = copy, Length = text.Length, Hash = hash };
        return _count++;
    }

    // Returns the bucket of a hash, or the free one for it. Half of the buckets are always free.
    private int* FindBucket(ulong hash)
    {
        int index = (int)(hash >> (64 - BitOperations.Log2(Buckets)));
        while (_buckets[index] != None && _entries[_buckets[index]].Hash != hash)
        {
            index = (index + 1) % Buckets;
        }

        return _buckets + index;
    }

    [StructLayout(LayoutKind.Sequential, Size = Bytes)]
    private struct Entry
    {
        public const int Bytes = 32;

        public byte* Text;
        public int Length;
        public ulong Hash;
    }
}
