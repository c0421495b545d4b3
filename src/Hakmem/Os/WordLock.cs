using System;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Os;

// A lock in one word: every lock of this library contains one.
//
//   0 free  --TryEnter-->  1 held  --a second thread waits-->  2 held, and there may be waiting threads
//   ^________Exit___________|  ^_______________________________|   Exit wakes one of them
//
// It spins for a moment, then sleeps in the kernel (Drepper, "Futexes Are Tricky", 2011). A Monitor cannot replace it:
//
//   - It never throws ThreadInterruptedException and consumes no interrupt. A slow path between two of its steps cannot
//     undo the first, so a wait that may throw there would lose blocks or hand them out twice.
//   - It runs no code of the program. A contended Monitor asks the thread's SynchronizationContext to wait, whose code
//     may allocate.
//
// Not re-entrant: a thread that enters twice waits for itself for ever. No code of the program may therefore run under
// it: no callback, no event, and no throw either, since a throw runs exception filters and FirstChanceException
// handlers before any finally block. Not fair: a thread that spins may overtake one that sleeps.
//
// Ordering: to enter is an interlocked operation (acquire), and so is to exit (release).
internal static partial class WordLock
{
    private const int Free = 0;
    private const int Held = 1;
    private const int Contended = 2;

    // Some microseconds in all, each turn longer than the one before: most locks are held for less.
    private const int SpinTurns = 10;
    private const int MaxSpinShift = 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryEnter(ref int word) => Interlocked.CompareExchange(ref word, Held, Free) == Free;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Enter(ref int word)
    {
        if (!TryEnter(ref word))
        {
            EnterContended(ref word);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Exit(ref int word)
    {
        if (Interlocked.Exchange(ref word, Free) == Contended)
        {
            WordWait.WakeOne(ref word);
        }
    }

    // Whether a thread sleeps until it gets the lock, or did so a moment ago. For tests.
    public static bool IsWaitedFor(ref int word) => Volatile.Read(ref word) == Contended;

    // A trace has a body for it (see benchmarks/Hakmem.Scale); the library has none, and no call of it is compiled.
    static partial void OnWaiting();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void EnterContended(ref int word)
    {
        OnWaiting();
        // With one processor, the thread that holds the lock does not run meanwhile.
        int turns = Environment.ProcessorCount > 1 ? SpinTurns : 0;
        for (int turn = 0; turn < turns; turn++)
        {
            Thread.SpinWait(1 << Math.Min(turn, MaxSpinShift));
            if (Volatile.Read(ref word) == Free && TryEnter(ref word))
            {
                return;
            }
        }

        // From here on the word is Contended even after this thread entered: it cannot know whether others still sleep.
        while (Interlocked.Exchange(ref word, Contended) != Free)
        {
            WordWait.Wait(ref word, Contended);
        }
    }
}
