using System;
using System.Collections.Generic;
using System.Diagnostics;
using Hakmem.Os;
using Hakmem.Profiling;

namespace Hakmem;

// The leaks that pools of this process have reported, by the stack that rented the buffer, for those who ask later.
// Those of pools that record no stacks share an entry. Bounded: leaks of further stacks are only counted.
//
// Written by the finalizer thread alone, which makes no entry under the lock. Where it has no managed memory for one,
// the leak is only counted. Thread-safe for readers.
internal static class LeakLog
{
    private const int MaxStacks = 256;

    private static readonly UninterruptibleLock s_lock = new();

    // Guarded by s_lock; the finalizer thread, which alone writes it, reads it without.
    private static Entry[] s_entries = [];
    private static long s_unkept;

    // Throws OutOfMemoryException.
    public static void Add(long bytes, StackTrace? stack)
    {
        Entry[]? changed = null;
        try
        {
            changed = TryAdd(s_entries, bytes, stack);
        }
        finally
        {
            using (s_lock.Enter())
            {
                s_entries = changed ?? s_entries;
                s_unkept += changed is null ? 1 : 0;
            }
        }
    }

    // The entries, and how many leaks are in none.
    public static (Entry[] Entries, long Unkept) Read()
    {
        using (s_lock.Enter())
        {
            return (s_entries, s_unkept);
        }
    }

    // Null if there are too many stacks.
    private static Entry[]? TryAdd(Entry[] entries, long bytes, StackTrace? stack)
    {
        ManagedMemory.Need();
        string[] frames = FramesOf(stack);
        DateTime now = DateTime.UtcNow;
        int at = Array.FindIndex(entries, entry => IsSame(entry.Frames, frames));
        Entry before = at >= 0 ? entries[at] : new Entry(frames, 0, 0, now, now);
        Entry after = before with { Count = before.Count + 1, Bytes = before.Bytes + bytes, LastAt = now };
        if (at < 0)
        {
            return entries.Length < MaxStacks ? [.. entries, after] : null;
        }

        Entry[] changed = (Entry[])entries.Clone();
        changed[at] = after;
        return changed;
    }

    private static string[] FramesOf(StackTrace? stack)
    {
        List<string> frames = [];
        for (int i = 0; stack?.GetFrame(i) is { } frame; i++)
        {
            if (DiagnosticMethodInfo.Create(frame) is { } method)
            {
                frames.Add($"{method.DeclaringTypeName}.{method.Name}");
            }
        }

        return frames.ToArray();
    }

    private static bool IsSame(string[] left, string[] right)
    {
        bool isSame = left.Length == right.Length;
        for (int i = 0; i < left.Length && isSame; i++)
        {
            isSame = left[i] == right[i];
        }

        return isSame;
    }

    public sealed record Entry(string[] Frames, long Count, long Bytes, DateTime FirstAt, DateTime LastAt);
}
