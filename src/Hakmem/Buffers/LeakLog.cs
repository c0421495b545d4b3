using System;
using System.Collections.Generic;
using System.Diagnostics;
using Hakmem.Os;
using Hakmem.Profiling;

namespace Hakmem;

// The leaks that pools of this process have reported, by the stack that rented the buffer, for those who ask later.
// Those of pools that record no stacks share an entry. Bounded: leaks of further stacks are only counted.
//
// Written by the finalizer thread alone, which makes no entry under the lock. Thread-safe for readers.
internal static class LeakLog
{
    private const int MaxStacks = 256;

    private static readonly UninterruptibleLock s_lock = new();

    // Guarded by s_lock; the finalizer thread, which alone writes it, reads it without.
    private static Entry[] s_entries = [];
    private static long s_unkept;

    public static void Add(long bytes, StackTrace? stack)
    {
        string[] frames = FramesOf(stack);
        DateTime now = DateTime.UtcNow;
        Entry[] entries = s_entries;
        int at = Array.FindIndex(entries, entry => IsSame(entry.Frames, frames));
        bool isKept = at >= 0 || entries.Length < MaxStacks;
        Entry before = at >= 0 ? entries[at] : new Entry(frames, 0, 0, now, now);
        Entry after = before with { Count = before.Count + 1, Bytes = before.Bytes + bytes, LastAt = now };
        Entry[] changed = at >= 0 ? (Entry[])entries.Clone() : isKept ? [.. entries, after] : entries;
        if (at >= 0)
        {
            changed[at] = after;
        }

        using (s_lock.Enter())
        {
            s_entries = changed;
            s_unkept += isKept ? 0 : 1;
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
