using System;
using System.Collections.Generic;
using System.Reflection;
using System.Threading;
using Hakmem.Os;
using Xunit;

namespace Hakmem.Tests.Support;

// Holds every lock that can be reached from an object through the fields of the library's objects. Threads that a
// debugger has stopped may hold them in the same way.
internal static class AllLocks
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    // Runs the action on another thread, and fails if that thread waits. Returns the number of locks.
    public static int HoldWhile(object from, Action action, TimeSpan? patience = null)
    {
        List<UninterruptibleLock> locks = Find(from);
        Exception? failure = null;
        Thread thread = new(() => failure = Record.Exception(action)) { IsBackground = true };
        EnterAll(locks);
        try
        {
            thread.Start();
            Assert.True(thread.Join(patience ?? s_patience), "A lock was waited for.");
        }
        finally
        {
            locks.ForEach(held => held.Exit());
            thread.Join();
        }

        Assert.Null(failure);
        return locks.Count;
    }

    // Keeps none while it waits for another: tests that run at the same time may hold some of them.
    private static void EnterAll(List<UninterruptibleLock> locks)
    {
        for (int entered = 0; entered < locks.Count; Thread.Yield())
        {
            for (entered = 0; entered < locks.Count && locks[entered].TryEnter();)
            {
                entered++;
            }

            for (int undone = 0; entered < locks.Count && undone < entered; undone++)
            {
                locks[undone].Exit();
            }
        }
    }

    private static List<UninterruptibleLock> Find(object from)
    {
        List<UninterruptibleLock> locks = [];
        HashSet<object> seen = new(ReferenceEqualityComparer.Instance);
        Stack<object> left = new([from]);
        while (left.TryPop(out object? at))
        {
            if (!seen.Add(at))
            {
                continue;
            }

            if (at is UninterruptibleLock found)
            {
                locks.Add(found);
                continue;
            }

            foreach (object? next in at is Array items ? (IEnumerable<object?>)ItemsOf(items) : ValuesOf(at))
            {
                if (next is not null && IsFollowed(next.GetType()))
                {
                    left.Push(next);
                }
            }
        }

        return locks;
    }

    // An array of objects too: the pools' tables of threads are such arrays.
    private static bool IsFollowed(Type type) => type.IsArray
        ? type == typeof(object[]) || IsFollowed(type.GetElementType()!)
        : type.Namespace is not null && type.Namespace.StartsWith("Hakmem", StringComparison.Ordinal) && !type.IsEnum;

    private static IEnumerable<object?> ItemsOf(Array items)
    {
        foreach (object? item in items)
        {
            yield return item;
        }
    }

    private static IEnumerable<object?> ValuesOf(object at)
    {
        for (Type? type = at.GetType(); type is not null; type = type.BaseType)
        {
            foreach (FieldInfo field in type.GetFields(
                BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                if (IsFollowed(field.FieldType))
                {
                    yield return field.GetValue(at);
                }
            }
        }
    }
}
