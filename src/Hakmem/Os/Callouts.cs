using System;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Os;

// Whether the calling thread may run code of the program now: a listener of an event, or a handler of what the runtime
// does to name a stack. It must not while it holds a lock that such code may want, as when a writer's block is resized
// under the block's own lock. What is to be called out is noted then, and done when the lock has been left: see
// Profiling/DeferredCallouts.cs, which the holders of such locks use.
//
// A thread's first use of its thread-statics allocates managed memory. So TryPrepareThread comes before a step that
// must not fail: what a thread notes once it has deferred something needs none.
internal static class Callouts
{
    [ThreadStatic]
    private static bool t_isPrepared;

    [ThreadStatic]
    private static int t_depth;

    [ThreadStatic]
    private static bool t_isAnyDeferred;

    // Who has something to tell: a heap, and a tag's account. Of more the last is told; the others tell with their next
    // slow path.
    [ThreadStatic]
    private static ITeller? t_first;

    [ThreadStatic]
    private static ITeller? t_last;

    // Never throws: a thread that has no managed memory for these fields has deferred nothing.
    public static bool AreDeferred => TryPrepareThread() && t_depth != 0;

    // Makes what this class needs on the calling thread. False if managed memory is out.
    public static bool TryPrepareThread()
    {
        try
        {
            if (!t_isPrepared)
            {
                PrepareThread();
            }

            return true;
        }
        catch (OutOfMemoryException)
        {
            return false;
        }
    }

    // Throws OutOfMemoryException if managed memory is out; then nothing is deferred.
    public static void Defer()
    {
        if (!TryPrepareThread())
        {
            throw new OutOfMemoryException("Hakmem has no managed memory for what a thread needs.");
        }

        t_depth++;
    }

    // Called by whoever has noted something for later, while callouts are deferred: never throws.
    public static void NoteDeferred() => t_isAnyDeferred = true;

    // The same for one that tells later what is to be told then.
    public static void NoteDeferred(ITeller teller)
    {
        t_isAnyDeferred = true;
        t_first ??= teller;
        t_last = teller;
    }

    // Whether this ends the outermost Defer, and something was noted since.
    public static bool EndDefer()
    {
        bool isAny = --t_depth == 0 && t_isAnyDeferred;
        t_isAnyDeferred &= !isAny;
        return isAny;
    }

    public static void TellDeferred()
    {
        ITeller? first = t_first;
        ITeller? last = t_last;
        t_first = null;
        t_last = null;
        first?.Tell();
        if (last != first)
        {
            last?.Tell();
        }
    }

    // One of each kind: those with references are in a memory of their own.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrepareThread()
    {
        ManagedMemory.Need();
        Volatile.Write(ref t_first, null);
        Volatile.Write(ref t_isAnyDeferred, false);
        t_isPrepared = true;
    }
}
